"""Delivery of a connection's events to the listeners of a thread's tree."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator, Sequence

from codexmcp.appserver.agents import Agents
from codexmcp.appserver.contract import unknown_name
from codexmcp.appserver.events import ConnectionLost, Event

logger = logging.getLogger(__name__)

EventCallback = Callable[[Event], None]

MAX_UNKNOWN = 50
"""Number of logged names of unknown events."""


class Listeners:
    """The callbacks of a connection.

    Args:
        agents: The trees of threads known to the connection.
    """

    def __init__(self, agents: Agents) -> None:
        self._agents = agents
        self._callbacks: dict[str, list[EventCallback]] = {}
        self._unknown: set[str] = set()

    @contextlib.contextmanager
    def added(self, thread_id: str, callback: EventCallback) -> Generator[None, None, None]:
        """Call a callback with every event of a thread's tree during the block."""
        callbacks = self._callbacks.setdefault(thread_id, [])
        callbacks.append(callback)
        try:
            yield
        finally:
            callbacks.remove(callback)
            if not callbacks:
                self._callbacks.pop(thread_id, None)

    def tell(self, event: Event) -> None:
        """Deliver an event to the listeners of its thread and of all ancestors."""
        if not event.thread_id:
            self._note_unknown(event)
        thread_id: str | None = event.thread_id
        while thread_id is not None:
            self._tell(self._callbacks.get(thread_id, ()), event)
            thread_id = self._agents.parent(thread_id)

    def tell_all(self, lost: ConnectionLost) -> None:
        """Deliver the end of the connection to all listeners."""
        for callbacks in tuple(self._callbacks.values()):
            self._tell(callbacks, lost)

    def _note_unknown(self, event: Event) -> None:
        """Log an unknown event without a thread, which no run can count, once."""
        name = unknown_name(event)
        if name and name not in self._unknown and len(self._unknown) < MAX_UNKNOWN:
            self._unknown.add(name)
            logger.warning("Codex sent what this codexmcp does not know: %s", name)

    @staticmethod
    def _tell(callbacks: Sequence[EventCallback], event: Event) -> None:
        for callback in tuple(callbacks):
            try:
                callback(event)
            except Exception:  # one broken listener must not cost the others an ending
                logger.exception("a listener failed on %s", event.method)
