"""Split a byte stream into lines within a bound on memory.

Pure: bytes in, lines out.
"""

from __future__ import annotations

from codexmcp.errors import ProtocolError

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Longest line accepted. An `item/completed` with a command output of 1 MiB is a line of 1 MiB,
and `thread/read` of a long thread was measured at several MiB. A longer line means a broken
peer."""


class LineBuffer:
    """A buffer of bytes, emptied line by line.

    Args:
        max_line_bytes: Longest line allowed, in bytes, without the newline.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._chunks: list[bytes] = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and return the completed lines, without newlines.

        Raises:
            ProtocolError: A line is longer than the bound. The buffer is unusable afterwards.
        """
        *complete, rest = data.split(b"\n")
        if not complete:
            self._hold(rest)
            return []
        lines = [self._finish(piece) for piece in complete]
        self._hold(rest)
        return lines

    def _finish(self, piece: bytes) -> bytes:
        self._hold(piece)
        line = b"".join(self._chunks)
        self._chunks.clear()
        self._held_bytes = 0
        return line

    def _hold(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_line_bytes:
            raise ProtocolError(
                f"the peer sent a line longer than {self._max_line_bytes} bytes; the connection is "
                "closed, because nothing after it can be trusted"
            )
        if piece:
            self._chunks.append(piece)
