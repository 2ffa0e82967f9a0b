"""Reading a file of lines from the end, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

BLOCK_BYTES = 64 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
"""Longer lines are skipped: no own writer creates such lines."""


def reversed_lines(descriptor: int, *, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the non-empty lines of a file without line ends, last line first.

    Args:
        descriptor: The file. Later appended lines are not read.
        block_bytes: Bytes per read.

    Raises:
        OSError: The file cannot be read.
    """
    position = os.fstat(descriptor).st_size
    # The pieces of a line split by the start of a block, last piece first.
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
