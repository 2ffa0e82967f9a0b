"""Runs `main.py` and `newway.py` as a user does: real processes in a fresh copy of the project."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.builds import CHECKOUT
from tests.support.ended import Ended

BOUND_S = 60.0
"""Bound on every wait for a program; a run takes about 3 s."""

KEY = "sk-test-1234567890abcdef"


@dataclass(frozen=True)
class Ran(Ended):
    """A program that has ended."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a run with `--json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The last event of a run with `--json`."""
        return self.events[-1]

    @property
    def error(self) -> str:
        """The line that tells the error; it must be the only one."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return line


class RunningProgram:
    """A program under way. Make one with `Project.start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._err = b""
        self._grown = asyncio.Condition()
        assert process.stdout is not None
        self._readers = (
            asyncio.create_task(process.stdout.read()),
            asyncio.create_task(self._read_err()),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the program alone."""
        self._process.send_signal(number)

    async def wait_for(self, text: str) -> None:
        """Wait until the program has written a text to stderr."""
        async with asyncio.timeout(BOUND_S), self._grown:
            await self._grown.wait_for(
                lambda: text.encode() in self._err or self._readers[1].done()
            )
        assert text.encode() in self._err, self._err.decode(errors="replace")

    async def ended(self, timeout_s: float = BOUND_S) -> Ran:
        """Wait for the program's end."""
        async with asyncio.timeout(timeout_s):
            out, _ = await asyncio.gather(*self._readers)
            code = await self._process.wait()
        return Ran(code, (out or b"").decode(errors="replace"), self._err.decode(errors="replace"))

    async def kill(self) -> None:
        """Kill whatever is left of the program itself."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.wait(self._readers)

    async def _read_err(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(65536):
            async with self._grown:
                self._err += data
                self._grown.notify_all()


class Project:
    """A copy of the project: the entry points, `.codex/` and an empty `output/`.

    Attributes:
        root: Its folder, whose name occurs in the environment of everything that is started here.
        env: The environment for programs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("main.py", "newway.py"):
            shutil.copy(CHECKOUT / name, root)
        shutil.copytree(
            CHECKOUT / ".codex" / "skills",
            root / ".codex" / "skills",
            ignore=shutil.ignore_patterns(".system"),
        )
        shutil.copy(CHECKOUT / ".codex" / "config.toml", root / ".codex")
        self.output.mkdir()
        (root / "home").mkdir()
        # So that Codex takes the copy for the project, and not the checkout around it.
        subprocess.run(["git", "init", "-q", str(root)], check=True, timeout=BOUND_S)  # noqa: S607
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root / "home")}

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def home(self) -> Path:
        """The Codex home."""
        return self.root / ".codex"

    def reach(self, base_url: str, key: str = KEY) -> None:
        """Have programs reach the model at an endpoint, with an exported key."""
        self.env |= {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key}

    @contextlib.asynccontextmanager
    async def start(
        self,
        name: str,
        *args: str | bytes,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> AsyncIterator[RunningProgram]:
        """Run a program while the block runs.

        Args:
            name: The program, such as `main.py`.
            args: Its arguments.
            stdin: What it reads.
            env: More for its environment.
            cwd: Its working directory; None means the project.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(self.root / name),
            *args,
            cwd=cwd or self.root,
            env={**self.env, **(env or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        program = RunningProgram(process)
        try:
            assert process.stdin is not None
            with contextlib.suppress(ConnectionError):
                process.stdin.write(stdin)
                await process.stdin.drain()
            process.stdin.close()
            yield program
        finally:
            await program.kill()

    async def run(self, name: str, *args: str | bytes, stdin: bytes = b"", **env: str) -> Ran:
        """Run a program to its end."""
        async with self.start(name, *args, stdin=stdin, env=env) as program:
            return await program.ended()

    def processes(self) -> dict[int, str]:
        """Return the command lines of all processes that a program here has started, by id."""
        return dict(_processes(self.root.name.encode()))

    async def emptied(self, timeout_s: float) -> dict[int, str]:
        """Wait until no such process is left, and return those that are when the time is up."""
        return await self.wait_for_processes(lambda found: not found, timeout_s)

    async def wait_for_processes(
        self, reached: Callable[[dict[int, str]], bool], timeout_s: float = BOUND_S
    ) -> dict[int, str]:
        """Poll the processes until a condition holds or the time is up; return the last look."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not reached(found := self.processes()) and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return found


@contextlib.contextmanager
def fresh_project() -> Iterator[Project]:
    """Give a project that is deleted afterwards.

    It lies in the checkout and not below the system's temporary folder, where Codex makes no helper
    binary (see the fixture `codex_home`).
    """
    root = CHECKOUT / ".cache" / "projects" / uuid.uuid4().hex
    root.mkdir(parents=True)
    try:
        yield Project(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _processes(mark: bytes) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if mark in command or mark in (folder / "environ").read_bytes():
                yield int(folder.name), command.replace(b"\0", b" ").decode(errors="replace")
