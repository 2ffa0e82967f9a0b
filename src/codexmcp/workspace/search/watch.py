"""Detection of blocked searches: ripgrep waiting forever."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable

from codexmcp.workspace.threads import SEARCHES

LOOK_AFTER_S = 4.0
"""The age of a slow search: a search of 100,000 files on two processors takes less, even beside ten
others."""

FindObstacle = Callable[[threading.Event], str | None]
"""Returns the obstacle of a search, in words; ends early when the event is set."""


class StallWatch:
    """End a search early if blocked forever.

    Args:
        find: Searches for the obstacle, in a thread; None for a search without ignore rules.
    """

    def __init__(self, find: FindObstacle | None) -> None:
        self._find = find
        self._stop = threading.Event()
        self.obstacle: str | None = None

    @contextlib.asynccontextmanager
    async def over(self, bound: asyncio.Timeout) -> AsyncGenerator[None]:
        """Watch for the duration of the context.

        Args:
            bound: The bound on the search; expires as soon as an obstacle is found.
        """
        looking = asyncio.create_task(self._look(bound))
        try:
            yield
        finally:
            self._stop.set()
            looking.cancel()
            await asyncio.wait({looking})

    async def _look(self, bound: asyncio.Timeout) -> None:
        if self._find is None:
            return
        await asyncio.sleep(LOOK_AFTER_S)
        self.obstacle = await SEARCHES.run(self._find, self._stop)
        if self.obstacle is not None and not bound.expired():
            bound.reschedule(asyncio.get_running_loop().time())
