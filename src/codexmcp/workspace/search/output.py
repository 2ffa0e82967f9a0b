"""Reads a child's output from a pipe, gathered over a few milliseconds.

ripgrep writes once for each file with a hit. To be woken by each of these writes costs several
times what it costs to read them all, and takes the processor from ripgrep.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

_GATHER_S = 0.003
_CHUNK_BYTES = 256 * 1024
_MUCH_BYTES = 32 * 1024


async def gathered(pipe: int) -> AsyncIterator[bytes]:
    """Yield what comes out of a pipe until its other end is closed.

    Args:
        pipe: The descriptor of its end for reading; it becomes non-blocking.
    """
    os.set_blocking(pipe, False)
    while True:
        await _readable(pipe)
        data = os.read(pipe, _CHUNK_BYTES)
        if not data:
            return
        yield data
        if len(data) < _MUCH_BYTES:
            await asyncio.sleep(_GATHER_S)


async def _readable(pipe: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(pipe)
