"""Reads a file of lines from its end, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

BLOCK_BYTES = 64 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
"""A line beyond this is passed over: no writer of ours makes one."""


def lines_backwards(descriptor: int, *, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the lines of a file without their ends, the last one first; empty ones are left out.

    Args:
        descriptor: The file. What is appended meanwhile is not seen.
        block_bytes: How much is read at once.

    Raises:
        OSError: It cannot be read.
    """
    position = os.fstat(descriptor).st_size
    # The pieces of the line in whose midst a block began, the last piece first.
    pieces: list[bytes] = []
    size = 0
    while position > 0:
        start = max(0, position - block_bytes)
        first, *others = os.pread(descriptor, position - start, start).split(b"\n")
        position = start
        if others:
            yield from _whole([*pieces, others[-1]], size + len(others[-1]))
            yield from (line for line in reversed(others[:-1]) if line)
            pieces, size = [], 0
        pieces.append(first)
        size += len(first)
        if size > MAX_LINE_BYTES:
            pieces.clear()
    yield from _whole(pieces, size)


def _whole(pieces: list[bytes], size: int) -> Iterator[bytes]:
    if 0 < size <= MAX_LINE_BYTES:
        yield b"".join(reversed(pieces))
