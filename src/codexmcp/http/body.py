"""The body of a request: whole, bounded in size and time; and whether its sender is still there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from codexmcp.http.replies import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WATCH_AFTER_S = 0.1
"""After how long it is looked whether a client is still there."""


class LeftError(Exception):
    """The client has gone away."""


def declared_bytes(headers: Headers, otherwise: int) -> int:
    """Return how large a request says it is; something else when it does not say.

    Source: h11 has checked that a length is a number, and that no more bytes come. It lets chunks
    count where both are named.
    """
    length = headers.get("content-length", "")
    is_chunked = "transfer-encoding" in headers
    return int(length) if length.isdecimal() and not is_chunked else otherwise


def check_length(headers: Headers) -> None:
    """Refuse a request that says how long it is in two ways.

    Source: RFC 9112, section 6.3: so one request is hidden in another.

    Raises:
        RefusedError: It does.
    """
    if "transfer-encoding" in headers and "content-length" in headers:
        raise RefusedError(400, "send Content-Length or Transfer-Encoding, and not both")


async def read_body(scope: Scope, receive: Receive, max_bytes: int, timeout_s: float) -> bytes:
    """Return the whole body of a request.

    Args:
        scope: The request.
        receive: Gives its parts.
        max_bytes: How large it may be.
        timeout_s: How long it may take, in seconds.

    Raises:
        RefusedError: It is too large or too slow, or its headers are wrong.
        LeftError: The client has gone away.
    """
    if declared_bytes(Headers(scope=scope), max_bytes) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise LeftError
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    return bytes(body)
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
    """Have an application answer a request whose body was read, until its client goes away.

    Args:
        app: The application. It is cancelled when the client goes.
        scope: The request.
        body: Its body.
        receive: Tells when the client goes.
        send: Takes the answer.
        closing: Is done when the server ends; the request is then given up.

    Raises:
        RefusedError: The server ends.
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
    """Sends on, and knows how far the answer has come."""

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
        """End the answer, because the server ends.

        Raises:
            RefusedError: It has not begun.
        """
        if not self._is_begun:
            raise RefusedError(503, "the server ends; runs can be resumed", {"connection": "close"})
        if not self.is_complete:
            await self({"type": "http.response.body", "body": b"", "more_body": False})


class _Watch:
    """Gives up the task that makes it when its client leaves or the server ends.

    It looks only once that takes a while: most answers are there sooner than a task is started.

    Args:
        body: What the client has sent.
        receive: Tells when it leaves.
        answer: What it is told.
        closing: Is done when the server ends.
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
        """Return the body, and then when the client has left."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        self._start()
        await asyncio.shield(self._left)
        return {"type": "http.disconnect"}

    async def close(self) -> None:
        """Look no more (the task that is watched calls this, once it has its answer)."""
        self._timer.cancel()
        watched, self._watched = self._watched, None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        self._left.cancel()
        if self.gave_up and watched is not None:
            # What was cancelled is the request alone.
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
        # What looks like a client that left may be the end of the answer.
        if self._watched is not None and not self._answer.is_complete:
            self.gave_up = True
            self._watched.cancel()
        if not self._left.done():
            self._left.set_result(None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
