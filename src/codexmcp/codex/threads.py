"""The threads of this process, and the subset loaded in Codex.

Owns the order of turns on a thread, and the bound on loaded threads.

Source: each loaded thread costs app-server 1.1 MB and two descriptors (measured on 0.163.0).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.appserver.tokens import Tokens
from codexmcp.codex.mount_points import MountPoints
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, RequestError
from codexmcp.jsonvalues import dig, text_of

MAX_LOADED = 32
"""Idle threads that stay loaded; a reply then needs no resume."""

MAX_KNOWN = 10_000
"""Threads with remembered settings. Any further thread is resumed like a thread from before a
restart."""


@dataclass(slots=True)
class KnownThread:
    """A thread used by this process.

    Attributes:
        id: The thread id.
        options: Options of the start in this process. None: started elsewhere.
        policy: The policy of the client that started the thread here.
        loaded_in: Number of the connection that loaded the thread. 0: not loaded.
        cwd: The working directory; empty if unknown.
        terms: Options of a run or policy of a client at loading time. Codex silently ignores other
            options until the thread is unloaded.
        totals: Last known token counts of the threads in the tree.
        attached: Number of attached people; the thread stays loaded for them.
        turn: Held by the running turn.
        waiting: Number of tasks that hold or await `turn`.
    """

    id: str
    options: ThreadOptions | None = None
    policy: object = None
    loaded_in: int = 0
    cwd: str = ""
    terms: object = None
    totals: Mapping[str, Tokens] = field(default_factory=dict[str, Tokens])
    attached: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    def note_loaded(self, generation: int, terms: object) -> None:
        """Record the connection that loaded the thread, and the terms."""
        self.loaded_in, self.terms = generation, terms


async def is_loaded(server: AppServer, thread_id: str) -> bool:
    """Return whether an app-server has a thread loaded, for any connection.

    Source: a thread that is not loaded has the status `notLoaded` (measured on 0.163.0).
    """
    try:
        thread = await server.read_thread(thread_id, include_turns=False)
    except RequestError:
        return False
    return text_of(dig(thread, "status", "type")) != "notLoaded"


class Threads:
    """The threads of an app-server.

    Attributes:
        mount_points: Mount points in the projects of the threads.
    """

    def __init__(self, max_loaded: int = MAX_LOADED) -> None:
        self.mount_points = MountPoints()
        self._max_loaded = max_loaded
        self._known: OrderedDict[str, KnownThread] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn_of(self, thread_id: str) -> AsyncGenerator[KnownThread, None]:
        """Wait for the thread's earlier turns, and delay later turns during the block."""
        thread = self._known.setdefault(thread_id, KnownThread(thread_id))
        self._known.move_to_end(thread_id)
        thread.waiting += 1
        try:
            async with thread.turn:
                yield thread
        finally:
            thread.waiting -= 1
            # A thread started here keeps its settings, loaded or not.
            if thread.options is None and thread.loaded_in == 0:
                self._forget(thread)
            if len(self._known) > MAX_KNOWN:
                self._forget_oldest()

    async def unload_surplus(
        self,
        leave: Callable[[str], Awaitable[None]],
        generation: int,
        *,
        at_most: int | None = None,
    ) -> None:
        """Unload the longest idle threads, down to the bound.

        Args:
            leave: Unloads a thread.
            generation: The connection that loaded the threads.
            at_most: Number of threads to unload. None: all surplus threads.
        """
        for thread in self._surplus(generation)[:at_most]:
            # A reply at this moment waits, and then resumes the thread.
            async with self.turn_of(thread.id):
                if thread.waiting > 1 or thread.attached or thread.loaded_in != generation:
                    continue
                thread.loaded_in = 0
                # A failed unload costs only memory.
                with contextlib.suppress(CodexMCPError):
                    await leave(thread.id)

    def loaded(self, generation: int) -> int:
        """Return the number of threads loaded in an app-server."""
        return sum(thread.loaded_in == generation for thread in self._known.values())

    def watchers(self, thread_id: str) -> int:
        """Return the number of people attached to a thread."""
        thread = self._known.get(thread_id)
        return 0 if thread is None else thread.attached

    @contextlib.contextmanager
    def attached(self, thread_id: str) -> Generator[None, None, None]:
        """Keep a thread loaded during the block, for an attached person."""
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
