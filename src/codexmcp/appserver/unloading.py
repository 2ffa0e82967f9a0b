"""Unloading a thread, which frees its memory and its writer lock, together with its sub-agents.

Source: with `thread_unload_delay_secs=0` Codex unloads a resting thread within 10 ms once no
connection is subscribed to it (0.154.0 and later; measured on 0.163.0 and 0.169.0). Otherwise only
archiving does it, which archives its sub-agents as well; and to unarchive a thread 0.163.0 reads
every rollout of the home: 9 ms with none, 5 s beside 11,000.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from codexmcp.appserver.events import Event
from codexmcp.errors import AppServerClosedError, RequestError
from codexmcp.jsonvalues import list_of, text_of

LEAVE_TIMEOUT_S = 2.0
"""Bound on an unloading that takes 10 ms."""

UNARCHIVE_TIMEOUT_S = 600.0
"""Bound on unarchiving, which must not be given up: a conversation would stay in the archive."""


class Caller(Protocol):
    """What is needed of a connection; `AppServer` is one."""

    @property
    def siblings(self) -> Iterable[Caller]:
        """All connections of this process to the same app-server, itself among them."""
        ...

    async def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = ...
    ) -> dict[str, Any]:
        """Call a method of app-server."""
        ...

    async def read_thread(self, thread_id: str, *, include_turns: bool = ...) -> Mapping[str, Any]:
        """Return the thread as Codex has recorded it."""
        ...

    async def is_resting(self, thread_id: str) -> bool:
        """Return whether no turn of a loaded thread is under way."""
        ...

    def listen(
        self, thread_id: str, callback: Callable[[Event], None]
    ) -> AbstractContextManager[None]:
        """Hand every event of a thread to `callback` while the block runs."""
        ...


class Unloading:
    """Unloads the threads of an app-server for one connection.

    Args:
        server: The connection.

    Attributes:
        by_leaving: Whether Codex unloads a thread that nobody is subscribed to.
    """

    def __init__(self, server: Caller) -> None:
        self._server = server
        self._parents: dict[str, str | None] = {}
        self.by_leaving = False

    async def unload(self, thread_id: str) -> None:
        """Unload a resting thread, whoever else is subscribed to it.

        Raises:
            CodexMCPError: It may be loaded still.
        """
        agents = await self._sub_agents(thread_id)
        if not await self._all_left(thread_id, agents):
            await self._archive(thread_id, agents)

    async def leave(self, thread_id: str) -> None:
        """Unload a resting thread; where others are subscribed to it, when the last one leaves.

        Raises:
            CodexMCPError: It may be loaded still, though nobody is.
        """
        agents = await self._sub_agents(thread_id)
        if not await self._all_left(thread_id, agents) and not self.by_leaving:
            await self._archive(thread_id, agents)

    async def _all_left(self, thread_id: str, agents: list[str]) -> bool:
        """Leave a thread and its sub-agents; return whether the thread is unloaded then."""
        if not self.by_leaving:
            return False
        for each in agents:
            if not await self._left(each) and await self._works(each):
                # Nobody would look after it.
                await self._archive(each, [])
        return await self._left(thread_id)

    async def _left(self, thread_id: str) -> bool:
        """Leave a thread with all our connections; return whether it is unloaded then.

        Source: Codex subscribes every connection to a sub-agent (measured on 0.163.0).
        """
        closed = asyncio.Event()

        def on_event(event: Event) -> None:
            if event.method == "thread/closed":
                closed.set()

        with contextlib.ExitStack() as stack:
            told: set[object] = set()
            for each in tuple(self._server.siblings):
                stack.enter_context(each.listen(thread_id, on_event))
                # Another connection may end at this moment, which leaves the thread as well.
                with contextlib.suppress(AppServerClosedError):
                    answer = await each.call("thread/unsubscribe", {"threadId": thread_id})
                    told.add(answer.get("status"))
            if "unsubscribed" in told:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LEAVE_TIMEOUT_S):
                        await closed.wait()
        return closed.is_set() or told == {"notLoaded"}

    async def _works(self, thread_id: str) -> bool:
        try:
            return not await self._server.is_resting(thread_id)
        except RequestError:
            return False

    async def _archive(self, thread_id: str, agents: list[str]) -> None:
        """Unload a thread by archiving it, which leaves it and its sub-agents where they were."""
        await self._server.call("thread/archive", {"threadId": thread_id})
        for each in agents:
            # One that was closed before need not have gone along.
            with contextlib.suppress(RequestError):
                await self._unarchive(each)
        await self._unarchive(thread_id)

    async def _unarchive(self, thread_id: str) -> None:
        params = {"threadId": thread_id}
        await self._server.call("thread/unarchive", params, timeout_s=UNARCHIVE_TIMEOUT_S)

    async def _sub_agents(self, thread_id: str) -> list[str]:
        """Return the threads that a thread has started, and those that they have."""
        loaded = await self._loaded()
        # Archiving takes along those that are not loaded any more, too.
        self._parents = {
            each: up
            for each, up in self._parents.items()
            if each in loaded or (up is not None and not self.by_leaving)
        }
        for each in loaded - self._parents.keys() - {thread_id}:
            # One that cannot be read was unloaded at this moment.
            with contextlib.suppress(RequestError):
                thread = await self._server.read_thread(each, include_turns=False)
                self._parents[each] = text_of(thread.get("parentThreadId"))
        family = [thread_id]
        for each in family:
            children = [child for child, up in self._parents.items() if up == each]
            family += [child for child in children if child not in family]
        return family[1:]

    async def _loaded(self) -> set[str]:
        found: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self._server.call("thread/loaded/list", {"cursor": cursor})
            news = {each for each in list_of(page.get("data")) if isinstance(each, str)} - found
            found |= news
            cursor = text_of(page.get("nextCursor"))
            # A page without news would go on like that.
            if cursor is None or not news:
                return found
