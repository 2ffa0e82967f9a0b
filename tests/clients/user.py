"""A user's machine in small: a home, a working folder, and the programs on PATH.

Clients hand a server no more than a few variables, so nothing but HOME leads to the Codex home
here: what works is what works for a user who pastes a line of `docs/how-to/clients.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.testing import ModelServer
from tests.support.builds import pinned_codex
from tests.support.ended import Ended
from tests.support.mcp_server import write_config
from tests.support.processes import command_line

BOUND_S = 40.0
"""Bound on every program of a user; they take about 2 s."""


@dataclass(frozen=True)
class Ran(Ended):
    """A program that has ended."""

    def worked(self) -> Ran:
        """Return it, if it has succeeded."""
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Attributes:
        home: The HOME, which tells this user's processes from all others.
        folder: Where programs start.
        programs: Folders that PATH has besides those of `codexmcp` and `codex`.
    """

    home: Path
    folder: Path
    programs: list[Path] = field(default_factory=list[Path])

    @property
    def codex_home(self) -> Path:
        """The Codex home, where Codex looks for it by itself."""
        return self.home / ".codex"

    @property
    def env(self) -> dict[str, str]:
        """The environment of this user's shell."""
        folders = [*self.programs, Path(sys.executable).parent, pinned_codex().parent]
        path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
        own = {"HOME": str(self.home), "CODEXMCP_ENV_FILE": os.devnull}
        return {**own, "PATH": path, "LANG": "C.UTF-8"}

    def reach(self, model: ModelServer) -> None:
        """Lead this user's Codex to a scripted model."""
        write_config(self.codex_home, model.base_url)

    async def run(self, command: Sequence[str], **more: str) -> Ran:
        """Run a program to its end.

        Args:
            command: Its command line; the program is looked up in the user's PATH.
            more: Further variables.
        """
        process = await asyncio.create_subprocess_exec(
            "env",
            *command,
            env={**self.env, **more},
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(BOUND_S):
                out, err = await process.communicate()
        except TimeoutError:
            raise AssertionError(f"not done within {BOUND_S:g} s: {command}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    def processes(self) -> list[str]:
        """Return the command lines of this user's live processes."""
        mark = f"HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            # A process may end while it is looked at, and others' may not be.
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(command_line(int(entry.name)))
        return found
