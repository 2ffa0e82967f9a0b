"""A request's body (complete, bounded in size and time), and detection of a departed client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from codexmcp.http.replies import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WATCH_AFTER_S = 0.1
"""Time before the first check for a departed client."""


class LeftError(Exception):
    """The client has disconnected."""


def declared_bytes(headers: Headers, otherwise: int) -> int:
    """Return the declared size of a request, or `otherwise` if undeclared.

    Source: h11 validates the number, and bounds the body by it. With both headers h11 prefers
    chunks.
    """
    length = headers.get("content-length", "")
    is_chunked = "transfer-encoding" in headers
    return int(length) if length.isdecimal() and not is_chunked else otherwise


def check_length(headers: Headers) -> None:
    """Refuse a request with two declarations of its length.

    Source: RFC 9112, section 6.3: such requests can hide another request (smuggling).

    Raises:
        RefusedError: Both headers are present.
    """
    if "transfer-encoding" in headers and "content-length" in headers:
        raise RefusedError(400, "send Content-Length or Transfer-Encoding, and not both")


async def read_body(scope: Scope, receive: Receive, max_bytes: int, timeout_s: float) -> bytes:
    """Return the whole body of a request.

    Args:
        scope: The request.
        receive: Returns its parts.
        max_bytes: Bound on the size.
        timeout_s: Bound on the time, in seconds.

    Raises:
        RefusedError: Too large, too slow, or invalid headers.
        LeftError: The client has disconnected.
    """
    if declared_bytes(Headers(scope=scope), max_bytes) > max_bytes:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise LeftError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise RefusedError(
            408, f"the request did not come within {timeout_s:g} s; send it again"
        ) from None


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(413, f"the request is larger than {max_bytes} bytes; send less at once")


async def serve_with_body(
    app: ASGIApp,
    scope: Scope,
    body: bytes,
    receive: Receive,
    send: Send,
    *,
    closing: asyncio.Future[None],
) -> None:
    """Run an application on a request with its body, until its client disconnects.

    Args:
        app: The application; cancelled when the client disconnects.
        scope: The request.
        body: The body.
        receive: Reports the disconnection.
        send: Sends the answer.
        closing: Done when the server ends; the request is then abandoned.

    Raises:
        RefusedError: The server is ending.
    """
    answer = _Answer(send)
    watch = _Watch(body, receive, answer, closing)
    try:
        await app(scope, watch.receive, answer)
    except asyncio.CancelledError:
        if not watch.gave_up:
            raise
    finally:
        await watch.close()
    if watch.gave_up and closing.done():
        await answer.give_up()


class _Answer:
    """Forward an answer, and track its progress."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_begun = False
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        self._is_begun = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
        await self._send(message)

    async def give_up(self) -> None:
        """End the answer at the end of the server.

        Raises:
            RefusedError: The answer has not started.
        """
        if not self._is_begun:
            raise RefusedError(503, "the server ends; runs can be resumed", {"connection": "close"})
        if not self.is_complete:
            await self({"type": "http.response.body", "body": b"", "more_body": False})


class _Watch:
    """Cancel the creating task when its client disconnects or the server ends.

    The check starts with a delay: most answers take less time than the start of a task.

    Args:
        body: The request's body.
        receive: Reports the disconnection.
        answer: The answer to the client.
        closing: Done when the server ends.
    """

    def __init__(
        self, body: bytes, receive: Receive, answer: _Answer, closing: asyncio.Future[None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.gave_up = False
        self._body: bytes | None = body
        self._receive = receive
        self._answer = answer
        self._closing = closing
        self._watched = asyncio.current_task()
        self._left: asyncio.Future[None] = loop.create_future()
        self._watching: asyncio.Task[None] | None = None
        self._timer = loop.call_later(WATCH_AFTER_S, self._start)

    async def receive(self) -> Message:
        """Return the body, and then the disconnection."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        self._start()
        await asyncio.shield(self._left)
        return {"type": "http.disconnect"}

    async def close(self) -> None:
        """Stop watching (called by the watched task after its answer)."""
        self._timer.cancel()
        watched, self._watched = self._watched, None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        self._left.cancel()
        if self.gave_up and watched is not None:
            # Only the request was cancelled.
            watched.uncancel()

    def _start(self) -> None:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        gone = asyncio.ensure_future(_gone(self._receive))
        try:
            await asyncio.wait({gone, self._closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            await asyncio.wait({gone})
        # An apparent disconnection may be the end of the answer.
        if self._watched is not None and not self._answer.is_complete:
            self.gave_up = True
            self._watched.cancel()
        if not self._left.done():
            self._left.set_result(None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
