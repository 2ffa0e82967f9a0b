"""Repeats calls that met a broken connection of Codex to its own records of threads.

Source: after a full home, a connection of Codex's pool to its database may be left in a transaction
(0.163.0: "attempted to call begin_with at non-zero transaction depth"); another one works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from codexmcp.appserver.refusals import ThreadStoreError

T = TypeVar("T")

TRIES = 5
"""Bound on the tries of a call."""

RETRY_S = 0.1
"""Wait before the next try, in seconds."""


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call to start, resume or fork a thread: a failure of Codex's records has done nothing.

    Raises:
        ThreadStoreError: Codex's records failed in all tries.
    """
    for _ in range(TRIES - 1):
        try:
            return await call()
        except ThreadStoreError:
            await asyncio.sleep(RETRY_S)
    return await call()
