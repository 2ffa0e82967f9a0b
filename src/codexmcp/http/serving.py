"""Runs uvicorn inside our process, with bounds that it lacks.

It has no signal handlers here, trusts no header of a proxy, and ends within a bound. A connection
that sends no whole request head, or does not read its answer, is cut off.
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
"""Bound on the head of a request, from its first byte or from the connection."""

KEEP_ALIVE_S = 60
WRITE_TIMEOUT_S = 30.0
"""How long a client may leave what it is sent unread."""

MAX_UNREAD_BYTES = 128 * 1024 * 1024
"""How much of all answers together may wait for clients to read on."""

MAX_CONNECTIONS = 512
GRACE_S = 2
"""How long answers under way may take at the end."""


class Joining(h11.Connection):
    """Gives the head of an answer with what follows at once, so that both are sent together.

    Each time something is sent Python's lock is let go of, and threads that work take it.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(h11.SERVER, max_bytes)
        self._head: list[bytes] = []

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        """Return what is to be sent for an event (uvicorn calls this by `send`)."""
        pieces = super().send_with_data_passthrough(event)
        if pieces is None:
            return None
        if isinstance(event, h11.Response) and _has_length(event):
            self._head = pieces
            return []
        pieces, self._head = self._head + pieces, []
        return pieces


def _has_length(answer: h11.Response) -> bool:
    """Return whether the body of an answer is there already; that of a stream may take a while."""
    return any(name == b"content-length" for name, _ in answer.headers)


class BoundedProtocol(H11Protocol):
    """A connection, bounded in how long it may be of no use.

    Attributes:
        used_at: When it was opened, or its last request was heard or answered, on the loop's clock.
        unread_since: When its client was last found to be behind with its reading, likewise.

    Source: uvicorn 0.54 bounds the time between requests, but neither that of a head (slow loris)
    nor that of a client which does not read, nor the number of connections without a request.
    """

    used_at = 0.0
    unread_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection (the event loop calls this)."""
        super().connection_made(transport)
        self.conn = Joining(MAX_HEAD_BYTES)
        self.used_at = self.loop.time()
        self._expect_head()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take bytes (the event loop calls this)."""
        if self._head_timer is None and not self._is_busy():
            self._expect_head()
        super().data_received(data)
        if self._is_busy() and self._head_timer is not None:
            self._cancel("_head_timer")
            self.used_at = self.loop.time()

    def on_response_complete(self) -> None:
        """Take that a request is answered (its cycle calls this)."""
        self.used_at = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end (the event loop calls this)."""
        self._cancel("_head_timer")
        self._cancel("_write_timer")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Take that the client is behind with its reading (the event loop calls this)."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)
        self.unread_since = self.loop.time()
        self._shed_unread()

    def resume_writing(self) -> None:
        """Take that it has read on (the event loop calls this)."""
        super().resume_writing()
        self._cancel("_write_timer")

    def is_needed(self) -> bool:
        """Return whether a request with a token is worked on."""
        cycle: Any = self.cycle
        exchange: Exchange | None = None if cycle is None else cycle.scope.get(KEY)
        return exchange is not None and exchange.is_under_way

    def is_unread(self) -> bool:
        """Return whether an answer waits for the client to read on."""
        return self._write_timer is not None

    def _make_room(self) -> None:
        """Give up the connection that was of no use for the longest time.

        Not the new one, or whoever opens enough of them would lock everybody else out.
        """
        all_of_them: Iterable[Any] = self.connections
        left = (each for each in all_of_them if isinstance(each, BoundedProtocol))
        oldest = min((each for each in left if not each.is_needed()), key=lambda each: each.used_at)
        # At once: others may come before the loop tells of its end.
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _shed_unread(self) -> None:
        """Give up answers that wait to be read, the oldest first, until the rest is not too much.

        The request is over by then, and counts no more among those that are worked on.
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
        """Return whether a request is being answered."""
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
    """A server that leaves the signals to us, and says when it listens."""

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
        app: Answers them.
        connection: Where to listen; it is closed at the end.
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
        # Its own bound, and once more what it takes to see that it is over.
        _, unfinished = await asyncio.wait({serving}, timeout=2 * GRACE_S + 1)
        for left in list(server.server_state.connections):
            left.transport.abort()
        for task in unfinished:
            task.cancel()
        await asyncio.wait({serving})


def _tell_failure(serving: asyncio.Task[None]) -> None:
    """Say at once that nobody is served any more."""
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
        # Anybody who connects can have it warn, as often as they like.
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # As many are accepted at a time: none is given up before its first bytes are looked at.
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
