"""Looks after a search that takes long: whether ripgrep waits for something that never comes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable

from codexmcp.workspace.threads import SEARCHES

LOOK_AFTER_S = 4.0
"""When a search counts as long: one of 100,000 files takes less on a machine with two processors,
even where ten others wait for them."""

FindObstacle = Callable[[threading.Event], str | None]
"""Returns in words what a search waits for; ends early when the event is set."""


class Watch:
    """Ends a search early that can come to no end.

    Args:
        find: Looks for what it waits for, in a thread; None for a search that reads no rules.
    """

    def __init__(self, find: FindObstacle | None) -> None:
        self._find = find
        self._stop = threading.Event()
        self.obstacle: str | None = None

    @contextlib.asynccontextmanager
    async def over(self, bound: asyncio.Timeout) -> AsyncGenerator[None]:
        """Watch as long as the context lasts.

        Args:
            bound: The bound on the search; it is over as soon as an obstacle is found.
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
