"""A JSON-RPC connection over an asyncio byte stream.

Owns the only reader and the only writer of the stream, and every task answering a request of the
peer. Promises: each request to the peer ends in a result, an error, a timeout or the end of the
connection; notifications are delivered in wire order; no task outlives `serve` and `close`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, Protocol

from codexmcp.errors import (
    AppServerClosedError,
    DeadlineError,
    ProtocolError,
    RequestError,
    StructureError,
)
from codexmcp.jsonrpc import messages, structure
from codexmcp.jsonrpc.framing import MAX_LINE_BYTES, LineBuffer

logger = logging.getLogger(__name__)


class ByteStream(Protocol):
    """The byte stream under a connection."""

    async def read(self) -> bytes:
        """Return the next bytes; empty at the end of the stream."""
        ...

    def write(self, data: bytes) -> None:
        """Queue bytes for the peer. Must not block; may drop them after the peer is gone."""
        ...

    async def drain(self) -> None:
        """Wait until the write buffer is small again."""
        ...


class Handlers(Protocol):
    """Callbacks for the peer's messages."""

    async def on_request(self, request: messages.Request) -> object:
        """Return the result of a request, or raise `RequestError` to refuse the request."""
        ...

    def on_notification(self, notification: messages.Notification) -> None:
        """Handle a notification. Called in wire order; must not block."""
        ...

    def on_invalid(self, message: messages.InvalidMessage) -> None:
        """Handle a line with no valid message."""
        ...


class NoAnswer(Exception):  # noqa: N818 - control flow, not an error
    """Raised by `Handlers.on_request` to leave a request without an answer."""


class Connection:
    """A JSON-RPC peer on a byte stream.

    Args:
        stream: The transport.
        handlers: Callbacks for the peer's requests and notifications.
        dialect: With or without the `jsonrpc` member.
        max_line_bytes: Longest line accepted from the peer.
        bounds: Bounds on each message of the peer. None: unbounded.
        reduce: Replaces a message beyond the bounds by a smaller message. None: refuse the message.
        pace: Awaited after each batch of incoming lines. A slow consumer behind the handlers delays
            the reading here, so memory stays bounded.
    """

    def __init__(
        self,
        stream: ByteStream,
        handlers: Handlers,
        dialect: messages.Dialect,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        bounds: structure.Bounds | None = None,
        reduce: Callable[[bytes], Awaitable[bytes]] | None = None,
        pace: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._stream = stream
        self._handlers = handlers
        self._dialect = dialect
        self._lines = LineBuffer(max_line_bytes)
        self._bounds = bounds
        self._reduce = reduce
        self._pace = pace
        self._aliases: list[tuple[bytes, bytes]] = []
        self._waiting: dict[messages.RequestId, asyncio.Future[Any]] = {}
        self._next_id = 0
        self._answering: dict[asyncio.Task[None], messages.RequestId] = {}
        self._closed_by: Exception | None = None

    def set_aliases(self, aliases: Mapping[str, str]) -> None:
        """Replace texts in everything read from now on.

        Args:
            aliases: Replacements by original text. Neither may need escapes in JSON.
        """
        self._aliases = [(old.encode(), new.encode()) for old, new in aliases.items()]

    async def serve(self) -> None:
        """Read and dispatch until the peer closes the stream.

        At return, requests of the peer may still have running handlers; see `answers_done` and
        `close`.

        Raises:
            ProtocolError: The peer sent a line beyond the bound.
        """
        try:
            while data := await self._stream.read():
                for line in self._lines.feed(data):
                    if line.strip():
                        await self._take(self._renamed(line))
                if self._pace is not None:
                    await self._pace()
        except ProtocolError as error:
            self._fail_waiting(error)
            raise
        finally:
            self._fail_waiting(AppServerClosedError("the peer closed the connection"))

    async def answers_done(self) -> None:
        """Wait until every accepted request of the peer has been answered."""
        while self._answering:
            await asyncio.wait(set(self._answering))

    def cancel(self, message_id: messages.RequestId) -> None:
        """Cancel the answer to a request of the peer, started or not."""
        for task, its_id in self._answering.items():
            if its_id == message_id:
                task.cancel()

    async def close(self, reason: Exception | None = None) -> None:
        """Cancel all requests of the peer and fail all own requests with `reason`."""
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
        """Send a request and return the peer's result.

        Args:
            method: The JSON-RPC method.
            params: The parameters. None: omit the member.
            timeout_s: Bound on the wait, in seconds. None: wait until the connection ends.
            withdrawal: Notification sent to the peer when the wait ends early. None: send nothing.

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
        """Send a notification."""
        self._stream.write(messages.encode_notification(self._dialect, method, params))

    async def drain(self) -> None:
        """Wait until the write buffer is small again."""
        await self._stream.drain()

    async def _take(self, line: bytes) -> None:
        """Decode and dispatch a message; reduce or refuse a message beyond the bounds."""
        try:
            if self._bounds is not None and not structure.is_small(line, self._bounds):
                await check_cooperatively(line, self._bounds)
        except StructureError as error:
            if self._reduce is None:
                await self._refuse(line, error)
                return
            line = await self._reduce(line)
        self._dispatch(messages.decode(line))

    async def _refuse(self, line: bytes, error: StructureError) -> None:
        self._handlers.on_invalid(messages.InvalidMessage(line[:200], str(error)))
        head = messages.head_of(line)
        # A notification gets no answer. A response to an own request has no head: the peer would
        # match an error with the response's id to a request of its own.
        if head is None or head[0] is not None:
            text = f"message refused: {error}; send less at once, or as a single string"
            code, message_id = messages.INVALID_REQUEST, head and head[0]
            self._stream.write(messages.encode_error(self._dialect, message_id, code, text))
            await self._stream.drain()

    def _renamed(self, line: bytes) -> bytes:
        for old, new in self._aliases:
            line = line.replace(old, new)
        return line

    def _dispatch(self, message: messages.Message) -> None:
        match message:
            case messages.Response(id=message_id, result=result):
                self._settle(message_id, result)
            case messages.ErrorResponse(id=message_id):
                self._settle(message_id, message)
            case messages.Notification():
                with _contained("notification"):
                    self._handlers.on_notification(message)
            # After `close`, no owner would await the task.
            case messages.Request() if self._closed_by is None:
                task = asyncio.create_task(self._answer(message))
                self._answering[task] = message.id
                task.add_done_callback(self._answering.pop)
            case messages.Request():
                pass
            case messages.InvalidMessage():
                self._handlers.on_invalid(message)

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


async def check_cooperatively(data: bytes, bounds: structure.Bounds) -> None:
    """Run `structure.check`, and yield to the event loop between its steps.

    Raises:
        StructureError: The text exceeds a bound.
    """
    for _ in structure.checking(data, bounds):
        await asyncio.sleep(0)


@contextlib.contextmanager
def _contained(what: str) -> Generator[None, None, None]:
    """Log a handler's exception; the read loop continues."""
    try:
        yield
    except Exception:
        logger.exception("handling a %s failed", what)
