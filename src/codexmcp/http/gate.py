"""Checks of every request before its content: host, origin, token, bounds.

Guarantees: a request without a token costs a header lookup and reveals nothing; no body is read
before the checks; and no log or answer contains a token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError, StructureError
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
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.tokens import Token, bearer_of, find
from codexmcp.jsonrpc.connection import check_cooperatively
from codexmcp.jsonrpc.structure import Bounds as StructureBounds
from codexmcp.workspace.tool import Scope as TokenScope

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Enough for the largest written file, as Base64 or as text with few escapes."""

MAX_SMALL_BODY_BYTES = 1024 * 1024
"""JSON decoding blocks the server for all clients, and only files need to be large."""

MAX_HEAD_BYTES = 32 * 1024
MAX_EVENT_BYTES = 16 * 1024
BODY_TIMEOUT_S = 15.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class GateBounds:
    """Bounds on requests.

    Attributes:
        rate: Requests with a token, per token.
        open_rate: Requests without a token, per address.
        wrong_rate: Invalid tokens, per address.
        at_once: Concurrent requests with a token; tokens other than the owner's must leave as many
            free as they use.
        held_bytes: Total size of these requests, with the same rule.
        body_bytes: Size of a request.
        small_body_bytes: Size of a request whose token lacks the write scope.
        body_timeout_s: Time to receive a request, in seconds.
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
    """An endpoint other than MCP.

    Attributes:
        answer: The handler. It reads the body by `Gate.body_of`.
        method: The HTTP method.
        is_open: No token is required on a server reachable from this machine only.
        is_public: No token is ever required.
    """

    answer: Answer
    method: str = "GET"
    is_open: bool = False
    is_public: bool = False


class Gate:
    """The ASGI application called by uvicorn.

    Args:
        tokens: The accepted tokens.
        origins: The accepted hosts and origins.
        bounds: Bounds on requests.
        requests: The record of requests.
    """

    def __init__(
        self, tokens: TokenFiles, origins: Origins, bounds: GateBounds, requests: Requests
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
        """Set the endpoints behind the gate.

        Args:
            pages: Endpoints by path.
            mcp_path: The path of MCP.
            mcp: Returns the handler of an MCP request from its body. Raises RefusedError.
        """
        self._pages = pages
        self._mcp = (mcp_path, mcp)

    def close(self) -> None:
        """Abandon requests in progress at the end of the server."""
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
                # A client without a token keeps no connection, and the rest of a body is not
                # awaited.
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
                await _check_structure(body)
                app = self._mcp[1](body, exchange)
                await serve_with_body(app, scope, body, receive, send, closing=self._closing)
        else:
            response = await self._page(scope, headers, exchange)(Request(scope, receive), exchange)
            await response(scope, receive, send)

    def _page(self, scope: Scope, headers: Headers, exchange: Exchange) -> Answer:
        """Return the handler of a request other than MCP, after its checks."""
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
        """Return a request's method and path in a form safe for others.

        A client without a token may request any path, even a path containing a token by mistake.
        """
        method, path = scope["method"], scope["path"]
        is_known = path == self._path or path in self._pages
        return f"{method if method in _METHODS else _OTHER} {path if is_known else _OTHER}"

    async def body_of(self, request: Request) -> bytes:
        """Return the body of an endpoint's request: small JSON.

        Raises:
            RefusedError: Not JSON, or too large.
            LeftError: The client has disconnected.
        """
        # Browsers send other content types for foreign pages without a preflight request.
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
                    "requests of this web page are refused; to allow them, start the server with "
                    "--allowed-origin ORIGIN",
                )

    def _let_in(self, headers: Headers, exchange: Exchange) -> Token:
        """Return the token of a request.

        Raises:
            RefusedError: No valid token, or too many requests.
        """
        secret = bearer_of(headers.get("authorization"))
        exchange.token = None if secret is None else find(self._known(), secret)
        now = time.monotonic()
        if exchange.token is None:
            # A valid token is accepted even after invalid ones: local clients share an address.
            wait_s = self._wrong_rates.take(exchange.peer, now)
            if wait_s:
                raise too_many(wait_s, "requests without a token that counts")
            raise unauthenticated(was_wrong=secret is not None)
        wait_s = self._rates.take(exchange.token.name, now)
        if wait_s:
            raise too_many(wait_s, f"requests with the token {exchange.token.name}")
        return exchange.token

    def _known(self) -> tuple[Token, ...]:
        # All requests started in the same iteration of the loop were received before it, so a
        # single check of the files is recent enough for all of them.
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
            logger.error("all requests are refused: %s", error)  # noqa: TRY400 - the message says it all
            raise RefusedError(
                503, "the tokens of this server cannot be read; its log says what to do"
            ) from None

    def _slow_down(self, peer: str) -> None:
        wait_s = self._open_rates.take(peer, time.monotonic())
        if wait_s:
            raise too_many(wait_s, "requests from this address")


def check_json(headers: Headers) -> None:
    """Refuse content types other than JSON.

    Raises:
        RefusedError: The content type is not JSON.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "send JSON, with `Content-Type: application/json`")


async def _check_structure(body: bytes) -> None:
    """Refuse a body with an expensive structure.

    Raises:
        RefusedError: The structure is too large.
    """
    try:
        # The size was bounded during reception, by the scopes of the token.
        await check_cooperatively(body, StructureBounds(len(body)))
    except StructureError as error:
        raise RefusedError(
            413, f"the request is refused: {error}; send less at once, or as one text or in Base64"
        ) from None


def _check_method(scope: Scope, method: str) -> None:
    if scope["method"] != method and not (scope["method"] == "HEAD" and method == "GET"):
        # Source: MCP's Streamable HTTP defines this answer to a GET without an event stream.

        raise RefusedError(405, f"only {method} is answered here", {"allow": method})
