"""One JSON-RPC connection over an asyncio byte stream.

Owns the only reader and the only writer of the stream, and every task that answers the peer's
requests. Promises: each request of ours ends in a result, an error, a timeout or the end of the
connection; notifications are handed over in wire order; nothing outlives `serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, Protocol

from codexmcp.errors import AppServerClosedError, DeadlineError, ProtocolError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.framing import MAX_LINE_BYTES, LineBuffer

logger = logging.getLogger(__name__)


class ByteStream(Protocol):
    """What a connection reads from and writes to."""

    async def read(self) -> bytes:
        """Return the next bytes; empty at the end of the stream."""
        ...

    def write(self, data: bytes) -> None:
        """Take bytes for the peer. Must not block; may drop them once the peer is gone."""
        ...

    async def drain(self) -> None:
        """Wait until the bytes held back for the peer are few again."""
        ...


class Handlers(Protocol):
    """What a connection does with what the peer sends."""

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request: return its result, or raise `RequestError` to refuse it."""
        ...

    def on_notification(self, notification: messages.Notification) -> None:
        """Take a notification. Called in wire order; must not block."""
        ...

    def on_junk(self, junk: messages.Junk) -> None:
        """Take a line that is no message."""
        ...


class NoAnswer(Exception):  # noqa: N818 - control flow, not an error
    """Raised by `Handlers.on_request` when the request must stay without an answer."""


class Connection:
    """A JSON-RPC peer on a byte stream.

    Args:
        stream: Where bytes come from and go to.
        handlers: What to do with the peer's requests and notifications.
        dialect: Whether messages carry the `jsonrpc` member.
        max_line_bytes: Longest line accepted from the peer.
        pace: Awaited after each batch of incoming lines; a slow consumer behind the handlers
            holds the reading up here, so that memory stays bounded.
    """

    def __init__(
        self,
        stream: ByteStream,
        handlers: Handlers,
        dialect: messages.Dialect,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        pace: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._stream = stream
        self._handlers = handlers
        self._dialect = dialect
        self._lines = LineBuffer(max_line_bytes)
        self._pace = pace
        self._waiting: dict[messages.RequestId, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._closed_by: Exception | None = None

    async def serve(self) -> None:
        """Read and dispatch until the peer closes the stream.

        Returns at the end of the stream, with the peer's requests still being answered (see
        `answers_done` and `close`).

        Raises:
            ProtocolError: The peer sent a line beyond the bound.
        """
        try:
            while data := await self._stream.read():
                for line in self._lines.feed(data):
                    if line.strip():
                        self._dispatch(messages.decode(line))
                if self._pace is not None:
                    await self._pace()
        except ProtocolError as error:
            self._fail_waiting(error)
            raise
        finally:
            self._fail_waiting(AppServerClosedError("the peer closed the connection"))

    async def answers_done(self) -> None:
        """Wait until every request of the peer that was taken has been answered."""
        while self._answering:
            await asyncio.wait(set(self._answering))

    async def close(self, reason: Exception | None = None) -> None:
        """Withdraw all requests of the peer and fail all of ours with `reason`."""
        self._fail_waiting(reason or AppServerClosedError("the connection was closed"))
        for task in set(self._answering):
            task.cancel()
        await self.answers_done()

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None,
        withdrawal: str | None = None,
    ) -> Any:  # noqa: ANN401 - a JSON value; the typed methods above narrow it
        """Ask the peer and return its result.

        Args:
            method: The method's name.
            params: Its parameters; None leaves the member out.
            timeout_s: Bound on the wait in seconds; None waits as long as the peer lives.
            withdrawal: Notification that tells the peer when nobody waits any more; None for none.

        Raises:
            RequestError: The peer refused.
            DeadlineError: No answer within the bound. A late answer is dropped.
            AppServerClosedError: The connection ended first.
        """
        if self._closed_by is not None:
            raise self._closed_by
        message_id = self._next_id
        self._next_id += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = future
        try:
            self._stream.write(messages.encode_request(self._dialect, message_id, method, params))
            async with asyncio.timeout(timeout_s):
                await self._stream.drain()
                answer = await future
        except TimeoutError:
            self._withdraw(message_id, withdrawal)
            raise DeadlineError(f"no answer to {method} within {timeout_s:g} s") from None
        except asyncio.CancelledError:
            self._withdraw(message_id, withdrawal)
            raise
        finally:
            self._waiting.pop(message_id, None)
        if isinstance(answer, messages.ErrorResponse):
            raise RequestError(method, answer.code, answer.message)
        return answer

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Tell the peer something."""
        self._stream.write(messages.encode_notification(self._dialect, method, params))

    async def drain(self) -> None:
        """Wait until the bytes held back for the peer are few again."""
        await self._stream.drain()

    def _dispatch(self, message: messages.Message) -> None:
        match message:
            case messages.Response(id=message_id, result=result):
                self._settle(message_id, result)
            case messages.ErrorResponse(id=message_id):
                self._settle(message_id, message)
            case messages.Notification():
                with _contained("notification"):
                    self._handlers.on_notification(message)
            # After `close` nobody would await the task.
            case messages.Request() if self._closed_by is None:
                task = asyncio.create_task(self._answer(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case messages.Request():
                pass
            case messages.Junk():
                self._handlers.on_junk(message)

    async def _answer(self, request: messages.Request) -> None:
        try:
            result = await self._handlers.on_request(request)
            line = messages.encode_result(self._dialect, request.id, result)
        except NoAnswer:
            return
        except RequestError as error:
            line = messages.encode_error(
                self._dialect, request.id, error.code, error.message, error.data
            )
        except Exception as error:  # one broken handler must not end the connection
            logger.exception("answering %s failed", request.method)
            line = messages.encode_error(
                self._dialect, request.id, messages.INTERNAL_ERROR, f"internal error: {error}"
            )
        self._stream.write(line)
        await self._stream.drain()

    def _withdraw(self, message_id: messages.RequestId, withdrawal: str | None) -> None:
        if withdrawal is not None:
            self.notify(withdrawal, {"requestId": message_id})

    def _settle(self, message_id: messages.RequestId | None, answer: object) -> None:
        future = None if message_id is None else self._waiting.get(message_id)
        if future is not None and not future.done():
            future.set_result(answer)

    def _fail_waiting(self, error: Exception) -> None:
        if self._closed_by is None:
            self._closed_by = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._closed_by)


@contextlib.contextmanager
def _contained(what: str) -> Generator[None, None, None]:
    """Log what a handler raises instead of letting it end the read loop."""
    try:
        yield
    except Exception:
        logger.exception("handling a %s failed", what)
