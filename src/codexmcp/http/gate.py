"""What every request passes before anything looks at what it wants: host, origin, token, bounds.

Promises: whoever has no token costs a lookup of headers and learns nothing; nothing is read of a
body before that; and no text that is logged or answered holds a token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from codexmcp.errors import ConfigurationError
from codexmcp.http.body import (
    LeftError,
    check_length,
    declared_bytes,
    read_body,
    serve_with_body,
)
from codexmcp.http.exchange import KEY, Exchange, Requests
from codexmcp.http.origins import Origins
from codexmcp.http.rates import Buckets, Rate
from codexmcp.http.replies import RefusedError, too_many, unauthenticated
from codexmcp.http.slots import Slots
from codexmcp.http.structure import check_structure
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.tokens import Token, bearer_of, find
from codexmcp.workspace.tool import Scope as TokenScope

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
"""The largest file that is written fits, as Base64 or as text that is not mostly escapes."""

MAX_SMALL_BODY_BYTES = 1024 * 1024
"""Decoding JSON stops the server for all, and only files need to be large."""

MAX_HEAD_BYTES = 32 * 1024
MAX_EVENT_BYTES = 16 * 1024
BODY_TIMEOUT_S = 15.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one who asks may cost.

    Attributes:
        rate: Requests with a token, for each token.
        open_rate: Requests without one, for each address.
        wrong_rate: Tokens that are none, for each address.
        at_once: Requests with a token that are worked on together; for any but the owner's at
            most as many as are left free.
        held_bytes: Size of all of these together, in the same way.
        body_bytes: Size of a request.
        small_body_bytes: Size of a request whose token is not good for writing.
        body_timeout_s: How long it may take to come, in seconds.
    """

    rate: Rate = field(default_factory=lambda: Rate(200, 400))
    open_rate: Rate = field(default_factory=lambda: Rate(20, 100))
    wrong_rate: Rate = field(default_factory=lambda: Rate(0.5, 20))
    at_once: int = 256
    held_bytes: int = 4 * MAX_BODY_BYTES
    body_bytes: int = MAX_BODY_BYTES
    small_body_bytes: int = MAX_SMALL_BODY_BYTES
    body_timeout_s: float = BODY_TIMEOUT_S


Answer = Callable[[Request, Exchange], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered at one path, beside MCP.

    Attributes:
        answer: Answers. It reads the body, if any, by `Gate.body_of`.
        method: The method of HTTP.
        is_open: Whether it needs no token on a server that only this machine can reach.
        is_public: Whether it never needs one.
    """

    answer: Answer
    method: str = "GET"
    is_open: bool = False
    is_public: bool = False


class Gate:
    """The application that uvicorn calls.

    Args:
        tokens: The tokens.
        origins: Which hosts and origins may be named.
        bounds: What one who asks may cost.
        requests: The account of what was asked.
    """

    def __init__(
        self, tokens: TokenFiles, origins: Origins, bounds: Bounds, requests: Requests
    ) -> None:
        self._tokens = tokens
        self._origins = origins
        self._bounds = bounds
        self._requests = requests
        self._rates = Buckets(bounds.rate)
        self._open_rates = Buckets(bounds.open_rate)
        self._wrong_rates = Buckets(bounds.wrong_rate)
        self._slots = Slots(bounds.at_once, bounds.held_bytes)
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._seen: tuple[Token, ...] | None = None
        self._pages: Mapping[str, Page] = {}
        self._mcp: tuple[str, Callable[[bytes, Exchange], ASGIApp]] | None = None

    def lead(
        self,
        pages: Mapping[str, Page],
        mcp_path: str,
        mcp: Callable[[bytes, Exchange], ASGIApp],
    ) -> None:
        """Say what lies behind.

        Args:
            pages: By path.
            mcp_path: The path of MCP.
            mcp: Returns what answers a request of MCP, by its body. Raises RefusedError.
        """
        self._pages = pages
        self._mcp = (mcp_path, mcp)

    def close(self) -> None:
        """Give up what is under way, because the server ends."""
        if not self._closing.done():
            self._closing.set_result(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        began, clock = time.time(), time.perf_counter()
        client = scope.get("client")
        exchange = scope[KEY] = Exchange(client[0] if client else "", self._shown(scope))

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
            await send(message)

        try:
            await self._answer(scope, receive, noted, exchange)
        except RefusedError as refused:
            if exchange.token is None or scope["method"] not in {"GET", "HEAD"}:
                # Who has no token keeps no connection; and what is left of a body is not waited
                # for.
                refused.headers["connection"] = "close"
            await refused.response()(scope, receive, noted)
        except LeftError:
            pass
        finally:
            self._requests.note(exchange, began, time.perf_counter() - clock)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        headers = Headers(scope=scope)
        if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEAD_BYTES:
            raise RefusedError(431, f"the headers are larger than {MAX_HEAD_BYTES} bytes")
        check_length(headers)
        self._check_names(headers)
        if self._mcp is not None and scope["path"] == self._mcp[0]:
            _check_method(scope, "POST")
            token = self._let_in(headers, exchange)
            check_json(headers)
            max_bytes = self._max_bytes(token)
            size = min(declared_bytes(headers, max_bytes), max_bytes)
            with self._slots.taken(token, size), exchange.under_way():
                body = await read_body(scope, receive, max_bytes, self._bounds.body_timeout_s)
                check_structure(body)
                app = self._mcp[1](body, exchange)
                await serve_with_body(app, scope, body, receive, send, closing=self._closing)
        else:
            response = await self._page(scope, headers, exchange)(Request(scope, receive), exchange)
            await response(scope, receive, send)

    def _page(self, scope: Scope, headers: Headers, exchange: Exchange) -> Answer:
        """Return what answers a request beside MCP, after letting it in."""
        page = self._pages.get(scope["path"])
        if page is None:
            self._slow_down(exchange.peer)
            raise RefusedError(404, f"there is nothing here; MCP is at {self._path}")
        _check_method(scope, page.method)
        if not (page.is_public or (page.is_open and self._origins.is_local)) or bearer_of(
            headers.get("authorization")
        ):
            self._let_in(headers, exchange)
        else:
            self._slow_down(exchange.peer)
        return page.answer

    def _max_bytes(self, token: Token) -> int:
        bounds = self._bounds
        is_writer = TokenScope.WRITE in token.scopes
        return bounds.body_bytes if is_writer else min(bounds.body_bytes, bounds.small_body_bytes)

    def _shown(self, scope: Scope) -> str:
        """Return the method and path of a request as they may be told to others.

        Whoever has no token can ask for anything, and by mistake with a token in the path.
        """
        method, path = scope["method"], scope["path"]
        is_known = path == self._path or path in self._pages
        return f"{method if method in _METHODS else _OTHER} {path if is_known else _OTHER}"

    async def body_of(self, request: Request) -> bytes:
        """Return the body of a page's request, which must be a small one of JSON.

        Raises:
            RefusedError: It is none.
            LeftError: The client has gone away.
        """
        # A page of another site could send anything else without asking the browser's leave.
        check_json(request.headers)
        return await read_body(
            request.scope, request.receive, MAX_EVENT_BYTES, self._bounds.body_timeout_s
        )

    @property
    def _path(self) -> str:
        return self._mcp[0] if self._mcp is not None else "/"

    def _check_names(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._origins.allows_host(hosts[0]):
            raise RefusedError(
                421,
                "this server is not known by that host name; use 127.0.0.1 or localhost, or start "
                "it with --allowed-host NAME",
            )
        for origin in headers.getlist("origin"):
            if not self._origins.allows_origin(origin):
                raise RefusedError(
                    403,
                    "requests of that web page are refused; if they shall be let in, start the "
                    "server with --allowed-origin ORIGIN",
                )

    def _let_in(self, headers: Headers, exchange: Exchange) -> Token:
        """Find the token of a request, and return it.

        Raises:
            RefusedError: There is none, or it has asked too often.
        """
        secret = bearer_of(headers.get("authorization"))
        exchange.token = None if secret is None else find(self._known(), secret)
        now = time.monotonic()
        if exchange.token is None:
            # A right token is let in also after wrong ones: on one machine all have one address.
            wait_s = self._wrong_rates.take(exchange.peer, now)
            if wait_s:
                raise too_many(wait_s, "requests without a token that counts")
            raise unauthenticated(was_wrong=secret is not None)
        wait_s = self._rates.take(exchange.token.name, now)
        if wait_s:
            raise too_many(wait_s, f"requests with the token {exchange.token.name}")
        return exchange.token

    def _known(self) -> tuple[Token, ...]:
        # The requests that one turn of the loop begins had all been received before it, so that one
        # look is late enough for all of them.
        if self._seen is None:
            self._seen = self._look()
            asyncio.get_running_loop().call_soon(self._look_again)
        return self._seen

    def _look_again(self) -> None:
        self._seen = None

    def _look(self) -> tuple[Token, ...]:
        try:
            return self._tokens.current()
        except ConfigurationError as error:
            logger.error("nobody is let in: %s", error)  # noqa: TRY400 - the message says it all
            raise RefusedError(
                503, "the tokens of this server cannot be read; its log says what to do"
            ) from None

    def _slow_down(self, peer: str) -> None:
        wait_s = self._open_rates.take(peer, time.monotonic())
        if wait_s:
            raise too_many(wait_s, "requests from this address")


def check_json(headers: Headers) -> None:
    """Refuse what does not say that it is JSON.

    Raises:
        RefusedError: It does not.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "send JSON, with `Content-Type: application/json`")


def _check_method(scope: Scope, method: str) -> None:
    if scope["method"] != method and not (scope["method"] == "HEAD" and method == "GET"):
        # Source: MCP's Streamable HTTP answers a GET so where there is no stream to listen to.
        raise RefusedError(405, f"only {method} is answered here", {"allow": method})
