"""A terminal with a screen, for programs that take the whole of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import termios
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte

BOUND_S = 30.0

# What programs ask a terminal at their start, and what a plain one answers.
_ANSWERS = {
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62c",
    b"\x1b]10;?": b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;?": b"\x1b]11;rgb:0000/0000/0000\x1b\\",
}


class Screen:
    """A program on a terminal of its own, and what the terminal shows.

    Attributes:
        process: The program.
        written: How many bytes the program has written.
        raw: What it has written.
    """

    def __init__(self, process: asyncio.subprocess.Process, fd: int, size: tuple[int, int]) -> None:
        self.process = process
        self.raw = b""
        self._fd = fd
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = asyncio.Event()
        self.modes = termios.tcgetattr(fd)
        asyncio.get_running_loop().add_reader(fd, self._take)

    @classmethod
    @contextlib.asynccontextmanager
    async def run(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        size: tuple[int, int] = (80, 24),
    ) -> AsyncIterator[Screen]:
        """Run a program while the block runs, and hang up at its end.

        Args:
            argv: The program.
            env: Its environment.
            cwd: Its working directory.
            size: Columns and lines.
        """
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={"TERM": "xterm-256color", **env},
                cwd=cwd,
                start_new_session=True,
                # So that Ctrl-C and a new size reach whoever is in the foreground.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        screen = cls(process, ours, size)
        try:
            yield screen
        finally:
            screen._stop_reading()
            os.close(ours)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    @property
    def lines(self) -> list[str]:
        """What the screen shows."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """What the screen shows, as one text."""
        return "\n".join(self.lines)

    async def shows(self, *texts: str) -> None:
        """Wait until all of some texts are on the screen."""
        await self.until(lambda: all(text in self.text for text in texts), f"{texts} on the screen")

    async def until(self, reached: Callable[[], Any], what: str) -> None:
        """Wait until something holds of what was written."""
        try:
            async with asyncio.timeout(BOUND_S):
                while not reached():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {BOUND_S:g} s: {what}\n{self.text}") from None

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def attributes(self) -> list[Any]:
        """Return how the terminal is set, as `termios.tcgetattr` tells it."""
        return termios.tcgetattr(self._fd)

    async def exit_code(self) -> int:
        """Wait for the program's end."""
        return await asyncio.wait_for(self.process.wait(), BOUND_S)

    def _take(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the program has closed its end
            self._stop_reading()
            return
        self.raw += data
        self._stream.feed(data)
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self._fd, answer)
        self._changed.set()

    def _stop_reading(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
