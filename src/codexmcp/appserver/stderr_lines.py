"""Lines of a child process's stderr.

Owns the reading end of the pipe. Promises: the pipe is always drained, memory is bounded, and
output written before a moment can be read at that moment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Only the end of a longer line is read. A log line contains the arguments of a tool call,
written by the model."""

_PIECE_BYTES = 65536
_MAX_PIECES = 64


class StderrLines:
    """Reads lines from a pipe on the event loop.

    Args:
        fd: The reading end; ownership is transferred.
        take: Called with each line without its end; must neither block nor raise.
    """

    def __init__(self, fd: int, take: Callable[[bytes], None]) -> None:
        self._fd: int | None = fd
        self._take = take
        self._pending = b""
        self._loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        """Set after the close of the other end, or a call of `close`."""
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self.read)

    def read(self) -> None:
        """Read the output so far."""
        # Bounded, because a child may write as fast as it is read.
        for _ in range(_MAX_PIECES):
            if self._fd is None:
                return
            try:
                data = os.read(self._fd, _PIECE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            *lines, self._pending = (self._pending + data)[-MAX_LINE_BYTES:].split(b"\n")
            for line in lines:
                self._take(line)

    def close(self) -> None:
        """Treat the rest as a line, and close the pipe."""
        if self._fd is None:
            return
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = None
        self._take(self._pending)
        self._pending = b""
        self.ended.set()
