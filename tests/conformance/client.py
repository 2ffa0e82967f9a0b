"""A raw JSON-RPC client over a child's stdin and stdout, without any politeness.

It sends what it is told to, also what no client should, and keeps every line that comes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]

WAIT_S = 30.0
"""Bound on every wait, in seconds; what is waited for takes under one on a machine at rest."""
_LINE_LIMIT_BYTES = 64 * 1024 * 1024


class NoAnswerError(Exception):
    """What was waited for did not come; the message says what came instead."""


class Client:
    """One server process and everything it has said."""

    def __init__(self, process: asyncio.subprocess.Process, received: list[Message]) -> None:
        self.received = received
        self._process = process
        self._news = asyncio.Condition()
        self._ended = False
        self._asked = 0
        self._stderr = bytearray()

    @property
    def stderr(self) -> str:
        """The end of what the server has written to stderr."""
        return self._stderr[-4000:].decode(errors="replace")

    async def send_line(self, line: str) -> None:
        """Write a line as it is; the next wait tells when nobody reads it any more."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def send(self, message: Message) -> None:
        """Write a message."""
        await self.send_line(json.dumps(message))

    async def ask(self, method: str, params: Message, timeout_s: float = WAIT_S) -> Message:
        """Send a request and return its answer, which may be an error.

        Raises:
            NoAnswerError: None came in time, or the server's stdout ended.
        """
        self._asked += 1
        number = f"asked {self._asked}"
        await self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return await self.wait_for(
            lambda each: each.get("id") == number and "method" not in each, method, timeout_s
        )

    def close_stdin(self) -> None:
        """End the server's stdin."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        self._process.send_signal(number)

    async def wait_for(
        self, wanted: Callable[[Message], bool], what: str, timeout_s: float = WAIT_S
    ) -> Message:
        """Return the first message that is wanted, also of those that have come already.

        Raises:
            NoAnswerError: It did not come in time, or the server's stdout ended.
        """

        def found() -> Message | None:
            return next((message for message in self.received if wanted(message)), None)

        async with self._news:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait_for(lambda: self._ended or found() is not None)
            except TimeoutError:
                pass
        message = found()
        if message is None:
            last = json.dumps(self.received[-3:], indent=1)
            state = "stdout ended" if self._ended else f"{timeout_s:g} s passed"
            raise NoAnswerError(f"{state} without {what}; last: {last}\nstderr: {self.stderr}")
        return message

    async def wait_exit(self, timeout_s: float = WAIT_S) -> int:
        """Return the exit code, after the whole of stdout was read.

        Raises:
            NoAnswerError: The server goes on running.
        """
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: self._ended)
                return await self._process.wait()
        except TimeoutError:
            raise NoAnswerError(f"the server still runs after {timeout_s:g} s") from None

    async def read(self) -> None:
        """Read stdout to its end (the owner of the client runs this)."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.received.append(_decoded(line))
                self._news.notify_all()
        async with self._news:
            self._ended = True
            self._news.notify_all()

    async def read_stderr(self) -> None:
        """Read stderr to its end (the owner of the client runs this)."""
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._stderr += line


@asynccontextmanager
async def running(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    received: list[Message] | None = None,
) -> AsyncIterator[Client]:
    """Run a server and a client of it; at the end the server's whole process group is killed.

    Args:
        command: The server's command line.
        env: Its environment.
        cwd: Its working directory.
        received: What an earlier server has said to the same client.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT_BYTES,
        start_new_session=True,
    )
    client = Client(process, [] if received is None else received)
    try:
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(client.read()), tasks.create_task(client.read_stderr())]
            try:
                yield client
            finally:
                _kill(process.pid)
                await process.wait()
                # A child in a group of its own may hold the pipes open for longer.
                await asyncio.wait(readers, timeout=1.0)
                for reader in readers:
                    reader.cancel()
    except* NoAnswerError as group:
        raise group.exceptions[0] from None


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _decoded(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    return message if isinstance(message, dict) else {"junk": line.decode(errors="replace")}
