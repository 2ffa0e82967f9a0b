"""A terminal without a screen, for programs that draw on one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

BOUND_S = 20.0

# What a program asks a terminal at its start, and what a plain one answers.
_ANSWERS = {
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62c",
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=:]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Terminal:
    """A program on a terminal of its own. Start one with `run`.

    Attributes:
        process: The program.
    """

    def __init__(self, process: asyncio.subprocess.Process, fd: int) -> None:
        self.process = process
        self._fd = fd
        self._seen = b""
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._take)

    @classmethod
    @contextlib.asynccontextmanager
    async def run(
        cls, argv: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> AsyncIterator[Terminal]:
        """Run a program while the block runs, and hang up at its end."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={**env, "TERM": "xterm-256color"},
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        terminal = cls(process, ours)
        try:
            yield terminal
        finally:
            terminal._stop_reading()
            os.close(ours)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def text(self) -> str:
        """Return everything drawn so far, without spaces, colours and movements."""
        return "".join(_ESCAPES.sub(b"", self._seen).decode(errors="replace").split())

    async def shows(self, text: str) -> None:
        """Wait until a text has been drawn; spaces do not count."""
        wanted = "".join(text.split())
        try:
            async with asyncio.timeout(BOUND_S):
                while wanted not in self.text():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not drawn: {text!r}; drawn: {self.text()[-2000:]}") from None

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    async def exit_code(self) -> int:
        """Wait for the program's end."""
        return await asyncio.wait_for(self.process.wait(), BOUND_S)

    def _take(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the program has closed its end
            self._stop_reading()
            return
        self._seen += data
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._fd, answer)
        self._changed.set()

    def _stop_reading(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
