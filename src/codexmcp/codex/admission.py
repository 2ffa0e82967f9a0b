"""Bounds the number of threads that start at a time.

Source: starting a thread is CPU-bound inside Codex; with eight at a time, the median of a burst of
100 turns was half of the median without a bound (measured on 0.163.0, two cores).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator

from codexmcp.appserver.events import Event, ItemStarted

STARTS_AT_ONCE = 8


class Admission:
    """Bounds the number of calls between start and first item."""

    def __init__(self, at_once: int = STARTS_AT_ONCE) -> None:
        self._slots = asyncio.Semaphore(at_once)

    async def enter(self) -> Ticket:
        """Wait for a slot."""
        await self._slots.acquire()
        return Ticket(self._slots.release)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Wait for a slot after earlier waiters, and hold the slot during the block."""
        async with self._slots:
            yield


class Ticket:
    """A slot, given back once: at the first item, or at the end of the block."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def on_event(self, event: Event) -> None:
        """Give the slot back at the first sign of a model request."""
        if isinstance(event, ItemStarted):
            self.give_back()

    def give_back(self) -> None:
        """Give the slot back, if still held."""
        release, self._release = self._release, None
        if release is not None:
            release()

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        """Give the slot back at the end of the block at the latest."""
        try:
            yield
        finally:
            self.give_back()
