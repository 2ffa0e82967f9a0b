"""Run uvicorn inside our process, with additional bounds.

No signal handlers, no trust in proxy headers, and a bounded shutdown. A connection without a
complete request head, or with an unread answer, is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

from codexmcp.http.binding import BACKLOG
from codexmcp.http.exchange import KEY, Exchange
from codexmcp.http.gate import MAX_HEAD_BYTES

logger = logging.getLogger(__name__)

HEAD_TIMEOUT_S = 10.0
"""Bound on the time for a request head, from its first byte or from the connection."""

KEEP_ALIVE_S = 60
WRITE_TIMEOUT_S = 30.0
"""Bound on the time of an unread answer."""

MAX_UNREAD_BYTES = 128 * 1024 * 1024
"""Bound on the total size of unread answers."""

MAX_CONNECTIONS = 512
GRACE_S = 2
"""Bound on unfinished answers at shutdown."""


class CombiningConnection(h11.Connection):
    """Combine the head of an answer with its first body part in a single send.

    Each send releases Python's lock, and busy worker threads take it.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(h11.SERVER, max_bytes)
        self._head: list[bytes] = []

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        """Return the data to send for an event (called by `send` for uvicorn)."""
        pieces = super().send_with_data_passthrough(event)
        if pieces is None:
            return None
        if isinstance(event, h11.Response) and _has_length(event):
            self._head = pieces
            return []
        pieces, self._head = self._head + pieces, []
        return pieces


def _has_length(answer: h11.Response) -> bool:
    """Return True if the body of an answer is complete; a stream may take a while."""
    return any(name == b"content-length" for name, _ in answer.headers)


class BoundedProtocol(H11Protocol):
    """A connection with bounds on useless time.

    Attributes:
        used_at: The time of its opening, last request or last answer, on the loop's clock.
        unread_since: The time since its client lags in reading, on the same clock.

    Source: uvicorn 0.54 bounds the time between requests, but not the time of a head (slow loris),
    the time of a client that does not read, or the number of connections without a request.
    """

    used_at = 0.0
    unread_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Handle a new connection (called by the event loop)."""
        super().connection_made(transport)
        self.conn = CombiningConnection(MAX_HEAD_BYTES)
        self.used_at = self.loop.time()
        self._expect_head()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Handle data (called by the event loop)."""
        if self._head_timer is None and not self._is_busy():
            self._expect_head()
        super().data_received(data)
        if self._is_busy() and self._head_timer is not None:
            self._cancel("_head_timer")
            self.used_at = self.loop.time()

    def on_response_complete(self) -> None:
        """Handle the end of an answer (called by its request cycle)."""
        self.used_at = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of a connection (called by the event loop)."""
        self._cancel("_head_timer")
        self._cancel("_write_timer")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Handle a client that lags in reading (called by the event loop)."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)
        self.unread_since = self.loop.time()
        self._shed_unread()

    def resume_writing(self) -> None:
        """Handle a client that caught up (called by the event loop)."""
        super().resume_writing()
        self._cancel("_write_timer")

    def is_needed(self) -> bool:
        """Return True while a request with a token is being processed."""
        cycle: Any = self.cycle
        exchange: Exchange | None = None if cycle is None else cycle.scope.get(KEY)
        return exchange is not None and exchange.is_under_way

    def is_unread(self) -> bool:
        """Return True while an answer waits for its client."""
        return self._write_timer is not None

    def _make_room(self) -> None:
        """Close the connection with the longest useless time.

        Never the newest: otherwise many new connections would lock out all other clients.
        """
        all_of_them: Iterable[Any] = self.connections
        left = (each for each in all_of_them if isinstance(each, BoundedProtocol))
        oldest = min((each for each in left if not each.is_needed()), key=lambda each: each.used_at)
        # Removed immediately: others may arrive before the loop reports the end.
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _shed_unread(self) -> None:
        """Drop unread answers, oldest first, until the rest is within the bound.

        Their requests are finished by then, and no longer count as concurrent.
        """
        everybody: Iterable[Any] = self.connections
        bounded = (each for each in everybody if isinstance(each, BoundedProtocol))
        unread = sorted((each for each in bounded if each.is_unread()), key=_unread_since)
        held = sum(each.transport.get_write_buffer_size() for each in unread)
        for each in unread:
            if held > MAX_UNREAD_BYTES and each is not self:
                held -= each.transport.get_write_buffer_size()
                each.transport.abort()

    def _is_busy(self) -> bool:
        """Return True while a request is being answered."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.abort)

    def _cancel(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def _unread_since(connection: BoundedProtocol) -> float:
    return connection.unread_since


class _Server(uvicorn.Server):
    """A server without signal handlers, with an event for its start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp, connection: socket.socket) -> AsyncGenerator[None, None]:
    """Answer requests while the block runs.

    Args:
        app: The application.
        connection: The listening socket; closed at the end.
    """
    server = _Server(_config(app))
    serving = asyncio.create_task(server.serve(sockets=[connection]))
    serving.add_done_callback(_tell_failure)
    listening = asyncio.create_task(server.listens.wait())
    try:
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if serving.done():
            serving.result()
        yield
    finally:
        server.should_exit = True
        # uvicorn's own bound, plus the time to notice the end.
        _, unfinished = await asyncio.wait({serving}, timeout=2 * GRACE_S + 1)
        for left in list(server.server_state.connections):
            left.transport.abort()
        for task in unfinished:
            task.cancel()
        await asyncio.wait({serving})


def _tell_failure(serving: asyncio.Task[None]) -> None:
    """Log a failed server immediately."""
    if not serving.cancelled() and serving.exception() is not None:
        logger.error("the HTTP server has failed", exc_info=serving.exception())


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        # Every client could trigger unlimited warnings.
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # The same bound per accept: no connection is closed before its first bytes are read.
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
