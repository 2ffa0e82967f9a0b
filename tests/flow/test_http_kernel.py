"""The SDK's kernel answers as the SDK's own transport does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import CallToolRequestParams, PaginatedRequestParams

from codexmcp.http.kernel import Kernel, request_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Context = ServerRequestContext[Any, Any]

VERSION = "2025-06-18"
CALL = {"name": "echo", "arguments": {"text": "ä\u2028"}}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    status: int
    kind: str
    body: Any


class Counting:
    """An application that counts its requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request, and hand it on."""
        self.requests += 1
        await self.app(scope, receive, send)


async def _list(_context: Context, _params: PaginatedRequestParams) -> dict[str, Any]:
    tool = {"name": "echo", "inputSchema": {"type": "object"}}
    return {"resultType": "complete", "tools": [tool]}


async def _call(context: Context, params: CallToolRequestParams) -> dict[str, Any]:
    match params.name:
        case "echo":
            request: Any = context.request
            said = {"arguments": params.arguments, "agent": request.headers["user-agent"]}
            content = [{"type": "text", "text": json.dumps(said)}]
            return {"content": content, "structuredContent": said, "resultType": "complete"}
        case "refuses":
            raise MCPError(-32602, "no", {"why": "because"})
        case "tells":
            await context.session.report_progress(1.0, None, "halfway")
            return {"content": []}
        case "lies":
            return {"content": 7}
        case "fails":
            raise RuntimeError("secret detail")
        case _:
            return {"content": []}


def _server() -> Server[Any]:
    server: Server[Any] = Server("test", version="1")
    server.add_request_handler("tools/list", PaginatedRequestParams, _list)
    server.add_request_handler("tools/call", CallToolRequestParams, _call)
    return server


async def _said(app: ASGIApp, body: bytes, headers: Mapping[str, str]) -> Said:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"content-type": "application/json", "user-agent": "test", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    whole = b"".join(message.get("body", b"") for message in sent[1:])
    decoded = json.loads(whole) if whole else None
    return Said(sent[0]["status"], told.get("content-type", ""), decoded)


def both(body: bytes, headers: Mapping[str, str]) -> tuple[Said, Said, int]:
    """Return what the transport says, what the kernel says, and how often that asked the other."""

    async def ask() -> tuple[Said, Said, int]:
        server = _server()
        manager = StreamableHTTPSessionManager(server, stateless=True, json_response=True)
        async with manager.run():
            behind = Counting(manager.handle_request)
            theirs = await _said(manager.handle_request, body, headers)
            ours = await _said(Kernel(server, behind).answering(request_of(body)), body, headers)
            return theirs, ours, behind.requests

    return asyncio.run(ask())


def _message(method: str, params: object = None, **more: object) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}
    ).encode()


_HEADERS = st.fixed_dictionaries(
    {"accept": st.sampled_from(["application/json, text/event-stream", "application/json", "*/*"])},
    optional={
        "mcp-protocol-version": st.sampled_from(
            ["2024-11-05", "2025-03-26", VERSION, "2025-11-25", "2026-07-28", "1", ""]
        ),
        "mcp-session-id": st.just("any"),
    },
)
_ODD = st.sampled_from([None, True, 7, 1.5, "", "7", [], [1], {}, {"a": None}])
_TOOLS = st.sampled_from(["echo", "refuses", "tells", "lies", "other", "", None, 7])
_CALLS = st.fixed_dictionaries(
    {"name": _TOOLS}, optional={"arguments": _ODD, "_meta": _ODD, "more": _ODD}
)
_INIT = st.fixed_dictionaries(
    {
        "protocolVersion": st.sampled_from([VERSION, "1", 7]),
        "capabilities": st.just({}),
        "clientInfo": st.just({"name": "test", "version": "1"}),
    }
)
_METHODS = st.sampled_from(
    [
        "tools/call",
        "tools/list",
        "initialize",
        "ping",
        "resources/list",
        "notifications/cancelled",
        "server/discover",
        "no/such",
        "",
        None,
        7,
    ]
)
_MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0"]), "method": _METHODS},
    optional={"id": _ODD, "params": _CALLS | _INIT | _ODD, "result": _ODD},
)


@settings(max_examples=150, deadline=None)
@given(_MESSAGES | st.lists(_MESSAGES, max_size=2) | _ODD, _HEADERS)
def test_whatever_is_asked_is_answered_as_the_transport_answers_it(
    message: object, headers: Mapping[str, str]
) -> None:
    theirs, ours, _ = both(json.dumps(message).encode(), headers)
    assert ours == theirs


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf" + _message("ping"),
        _message("ping").decode().encode("utf-16"),
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"tools/list"}',
        b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo\\u0000"}}',
        b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % 2**70,
        b"[" * 1000,
    ],
)
def test_what_two_parsers_might_read_differently_is_answered_as_the_transport_does(
    body: bytes,
) -> None:
    theirs, ours, _ = both(body, {"accept": "application/json"})
    assert ours == theirs


@pytest.mark.parametrize("method", ["tools/call", "tools/list", "ping", "initialize"])
def test_a_request_needs_no_transport(method: str) -> None:
    headers = {"accept": "application/json", "mcp-protocol-version": VERSION}
    _, ours, handed_on = both(_message(method, CALL), headers)
    assert (ours.status, handed_on) == (200, 0)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (_message("ping"), {"mcp-protocol-version": "2026-07-28"}),
        (_message("ping"), {"accept": "text/html"}),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', {}),
        (b"[" + _message("ping") + b"]", {}),
    ],
    ids=["a version without handshake", "no JSON wanted", "a notification", "a batch"],
)
def test_what_is_more_than_one_request_goes_through_the_transport(
    body: bytes, headers: Mapping[str, str]
) -> None:
    _, _, handed_on = both(body, {"accept": "application/json", **headers})
    assert handed_on == 1


def test_a_handler_that_fails_tells_the_client_nothing_of_it() -> None:
    _, ours, handed_on = both(
        _message("tools/call", {"name": "fails"}), {"accept": "application/json"}
    )
    assert handed_on == 0
    assert ours.body["error"] == {"code": -32603, "message": "Internal server error"}
