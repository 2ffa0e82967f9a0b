"""Which threads this process works on, and which of them Codex keeps loaded.

Owns the order of turns on a thread, and the bound on loaded threads.

Source: each loaded thread costs app-server 1.1 MB and two descriptors until it is unloaded
(measured on 0.163.0).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.errors import CodexMCPError, RequestError
from codexmcp.jsonvalues import dig, text_of

MAX_LOADED = 32
"""Resting threads that stay loaded, so that a reply needs no resume."""

MAX_KNOWN = 10_000
"""Threads whose settings are kept. One more is resumed as one from before a restart is."""


@dataclass(slots=True)
class KnownThread:
    """A thread that this process has worked on.

    Attributes:
        id: Its id.
        options: How it was started here; None for one that was started elsewhere.
        loaded_in: Number of the connection that has it loaded; 0 when none has.
        loaded_with: What it was loaded with for a run; None when it was not. Codex silently ignores
            other options until it is unloaded.
        policy: What was fixed for whoever loaded it; None for nothing that is known.
        attached: How many people look at it; it stays loaded for them.
        turn: Held by the turn that is under way.
        waiting: How many hold it or wait for it.
    """

    id: str
    options: ThreadOptions | None = None
    loaded_in: int = 0
    loaded_with: ThreadOptions | None = None
    policy: object = None
    attached: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    def note_loaded(
        self, generation: int, *, options: ThreadOptions | None = None, policy: object = None
    ) -> None:
        """Take note that a connection has the thread loaded, and with what."""
        self.loaded_in, self.loaded_with, self.policy = generation, options, policy


async def is_loaded(server: AppServer, thread_id: str) -> bool:
    """Return whether an app-server has a thread loaded, for whichever connection.

    Source: a thread that it has not is `notLoaded` (measured on 0.163.0).
    """
    try:
        thread = await server.read_thread(thread_id, include_turns=False)
    except RequestError:
        return False
    return text_of(dig(thread, "status", "type")) != "notLoaded"


class Threads:
    """The threads of one app-server."""

    def __init__(self, max_loaded: int = MAX_LOADED) -> None:
        self._max_loaded = max_loaded
        self._known: OrderedDict[str, KnownThread] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn_of(self, thread_id: str) -> AsyncGenerator[KnownThread, None]:
        """Wait for the thread's earlier turns, and hold off later ones while the block runs."""
        thread = self._known.setdefault(thread_id, KnownThread(thread_id))
        self._known.move_to_end(thread_id)
        thread.waiting += 1
        try:
            async with thread.turn:
                yield thread
        finally:
            thread.waiting -= 1
            # What was started here keeps its settings, also when Codex no longer has it loaded.
            if thread.options is None and thread.loaded_in == 0:
                self._forget(thread)
            if len(self._known) > MAX_KNOWN:
                self._forget_oldest()

    async def unload_surplus(
        self, server: AppServer, generation: int, *, at_most: int | None = None
    ) -> None:
        """Unload the threads that have rested longest, down to the bound.

        Args:
            server: The app-server.
            generation: Its number.
            at_most: How many to unload; None for all that are too many.
        """
        for thread in self._surplus(generation)[:at_most]:
            # A reply that comes now waits, and then finds the thread to be resumed.
            async with self.turn_of(thread.id):
                if thread.waiting > 1 or thread.loaded_in != generation:
                    continue
                thread.loaded_in = 0
                # A thread that cannot be unloaded only costs memory.
                with contextlib.suppress(CodexMCPError):
                    await server.leave_thread(thread.id)

    def loaded(self, generation: int) -> int:
        """Return how many threads an app-server has loaded."""
        return sum(thread.loaded_in == generation for thread in self._known.values())

    @contextlib.contextmanager
    def attached(self, thread_id: str) -> Generator[None, None, None]:
        """Keep a thread loaded while the block runs, because somebody looks at it."""
        thread = self._known.setdefault(thread_id, KnownThread(thread_id))
        thread.attached += 1
        try:
            yield
        finally:
            thread.attached -= 1
            if thread.options is None and thread.loaded_in == 0:
                self._forget(thread)

    def _forget(self, thread: KnownThread) -> None:
        if thread.waiting == 0 and thread.attached == 0:
            self._known.pop(thread.id, None)

    def _forget_oldest(self) -> None:
        resting = (each for each in self._known.values() if each.waiting == each.attached == 0)
        oldest = next(resting, None)
        if oldest is not None:
            self._known.pop(oldest.id)

    def _surplus(self, generation: int) -> list[KnownThread]:
        loaded = [thread for thread in self._known.values() if thread.loaded_in == generation]
        resting = [thread for thread in loaded if thread.waiting == thread.attached == 0]
        return resting[: max(len(loaded) - self._max_loaded, 0)]
