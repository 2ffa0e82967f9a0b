"""Blocking calls beside the event loop, which no end of the program has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A thread that makes one call after the other, until closed.

    A daemon, unlike those of an executor: a call that still waits for somebody else does not hold
    up the end of the program.

    Args:
        name: What the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def do(self, call: Callable[[], T]) -> T:
        """Make a call in the thread and return what it returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - raised where the call was made
                self._tell(loop, future, future.set_exception, error)
            else:
                self._tell(loop, future, future.set_result, result)

        self._calls.put(work)
        return await future

    def close(self, last: Callable[[], None] = lambda: None) -> None:
        """End the thread after the calls it has, and a last one whose end nobody waits for."""
        self._calls.put(last)
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[T],
        settle: Callable[[Any], None],
        value: object,
    ) -> None:
        def tell() -> None:
            if not future.done():
                settle(value)

        # The loop is closed when the program ends meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell)


async def in_thread(call: Callable[[], T]) -> T:
    """Make one blocking call in a thread of its own; see `Worker`."""
    worker = Worker("codexmcp-call")
    try:
        return await worker.do(call)
    finally:
        worker.close()
