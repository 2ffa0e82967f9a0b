"""Supervised runs with Codex in a container: a station whose clients ask for one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexmcp.testing import Request
from tests.conformance.client import running
from tests.support.containers import IMAGE, Engine
from tests.support.ended import Ended, run_to_end
from tests.support.supervision import (
    BOUND_S,
    PYTHON,
    RunClient,
    Station,
    station,
)

GONE_S = 30.0
"""Bound on the end of a container that nobody needs any more; it took 2 s at most."""

RUNS = [*PYTHON, "codexmcp", "runs"]


@dataclass(frozen=True)
class ContainedStation:
    """A station, and the engine that its containers run in.

    Attributes:
        here: The station.
        engine: The engine.
    """

    here: Station
    engine: Engine

    def flags(self, *, image: str = IMAGE, workspace: Path | None = None) -> list[str]:
        """Return the options that lead to the supervisor with the container."""
        kind = "podman" if self.engine.is_podman else "docker"
        return [
            *("--in-container", image, "--container-engine", kind),
            *("--workspace", str(workspace or self.here.project)),
            *("--model-endpoint", self.here.model.base_url),
        ]

    def client(
        self, *more: str, image: str = IMAGE, workspace: Path | None = None, cwd: Path | None = None
    ) -> AbstractAsyncContextManager[RunClient]:
        """Run a relay to the supervisor with the container, and introduce a client."""
        words = self.flags(image=image, workspace=workspace)
        return self.here.client(*words, *more, cwd=cwd)

    @contextlib.asynccontextmanager
    async def private_client(self) -> AsyncIterator[RunClient]:
        """Run a server that works on its runs itself, in a container, and introduce a client."""
        words = [*PYTHON, "codexmcp", "mcp-server", "--tools", "runs", "--drain-timeout", "0"]
        async with running([*words, *self.flags()], self.here.env, self.here.project) as raw:
            client = RunClient(raw, 0)
            about = {"name": "test", "version": "1"}
            await client.ask(
                "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=about
            )
            yield client
            raw.close_stdin()
            await raw.wait_exit()

    async def runs(self, command: str, *words: str, contained: bool = True) -> Ended:
        """Run a command of `codexmcp runs` in the project, to its end."""
        options = self.flags() if contained else []
        argv = [*RUNS, command, *options, *words]
        return await run_to_end(argv, self.here.env, cwd=self.here.project, bound_s=BOUND_S)

    async def boxes(self) -> set[str]:
        """Return the containers that see the project, whatever their state."""
        seen = f"--filter=volume={self.here.project}"
        return set((await self.engine.call("ps", "--all", seen, "--format={{.Names}}")).out.split())

    async def box(self) -> str:
        """Return the one container that sees the project."""
        (name,) = await self.boxes()
        return name

    async def emptied(self) -> None:
        """Wait until no container sees the project."""
        left: set[str] = set()
        try:
            async with asyncio.timeout(GONE_S):
                while left := await self.boxes():  # noqa: ASYNC110 - another process's state
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"left behind: {left}\n{self.here.log}") from None

    def homes(self) -> list[Path]:
        """Return the Codex homes of containers."""
        folder = self.here.home / "mcp-wrapper" / "container-homes"
        return [each for each in folder.iterdir() if each.is_dir()]


@contextlib.asynccontextmanager
async def contained(home: Path, engine: Engine) -> AsyncIterator[ContainedStation]:
    """Give a station for runs in containers; at the end neither process nor container is left."""
    async with station(home) as here:
        here.env["PATH"] = f"{Path(engine.program).parent}{os.pathsep}{here.env['PATH']}"
        made = ContainedStation(here, engine)
        yield made
        await here.close()
        await made.emptied()


def answers_of(request: Request) -> str:
    """Return what a request to the model tells of commands that have run."""
    items: list[dict[str, Any]] = request.body["input"]
    outputs = [item["output"] for item in items if str(item.get("type", "")).endswith("_output")]
    return json.dumps(outputs)
