"""Steps over a store and files together, without an interruption by cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(step: Coroutine[Any, Any, T], under_way: set[asyncio.Task[Any]]) -> T:
    """Run a step, which continues after a cancellation of its caller.

    Args:
        step: The step.
        under_way: The set of unfinished steps.
    """
    task = asyncio.create_task(step)
    under_way.add(task)
    task.add_done_callback(under_way.discard)
    task.add_done_callback(_noted)
    await asyncio.wait({task})
    return task.result()


class Recorder:
    """Runs the recording steps of an attempt, in the order of their beginnings."""

    def __init__(self) -> None:
        self._last: asyncio.Task[object] | None = None

    def begin(self, step: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """Begin a step, which continues after a cancellation of its caller."""
        before = self._last

        async def taken() -> T:
            if before is not None:
                await asyncio.wait({before})
            return await step()

        task = asyncio.create_task(taken())
        task.add_done_callback(_noted)
        self._last = task
        return task

    async def take(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run a step, and return or raise its result."""
        task = self.begin(step)
        await asyncio.wait({task})
        return task.result()

    async def settled(self) -> None:
        """Wait for the end of all steps."""
        while self._last is not None and not self._last.done():
            await asyncio.wait({self._last})


def _noted(task: asyncio.Task[Any]) -> None:
    """Retrieve the error of a task, so asyncio reports none for a cancelled caller."""
    if not task.cancelled():
        task.exception()
