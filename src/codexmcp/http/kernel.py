"""MCP requests answered by the SDK's kernel without its transport, at half the cost of a call.

The SDK's transport starts a session with tasks and streams per request, for messages between a
request and its answer. Here no such messages exist: the server keeps no sessions, and the answer is
a single JSON object. All other requests use the transport. Must not depend on the methods.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio
import pydantic_core
from mcp.server.connection import Connection
from mcp.server.runner import serve_one
from mcp.server.streamable_http import check_accept_headers
from mcp.shared.exceptions import NoBackChannelError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp.types import (
    DEFAULT_NEGOTIATED_VERSION,
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import Response

from codexmcp.data_classes import dataclass, field

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.shared.dispatcher import CallOptions
    from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Answer requests.

    Attributes:
        server: The SDK's server.
        transport: Answers all requests except plain requests of versions with a handshake.
    """

    server: Server[Any]
    transport: ASGIApp

    def answering(self, message: JSONRPCRequest | None) -> ASGIApp:
        """Return the handler of a request; None for any other body."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope)
            version = version_of(request)
            if message is None or version is None:
                await self.transport(scope, receive, send)
                return
            text = await self._answer(message, version, request)
            await Response(text, media_type="application/json")(scope, receive, send)

        return answer

    async def _answer(self, message: JSONRPCRequest, version: str, request: Request) -> str:
        try:
            result = await serve_one(
                self.server,
                _Context(message.id, ServerMessageMetadata(request_context=request)),
                message.method,
                message.params,
                connection=Connection.from_envelope(version, None, None),
                # In place of a lifespan's value; our server has no lifespan.
                lifespan_state={},
            )
            return _text(JSONRPCResponse(jsonrpc="2.0", id=message.id, result=result))
        except Exception as error:
            told = handler_exception_to_error_data(error)
            if told is None:
                logger.exception("the request %s has failed", message.method)
                told = ErrorData(code=INTERNAL_ERROR, message="Internal server error")
            return _text(JSONRPCError(jsonrpc="2.0", id=message.id, error=told))


def request_of(body: bytes) -> JSONRPCRequest | None:
    """Return the single request in a body; None for any other body.

    Source: parsed like the SDK's transport (mcp 2.3, `streamable_http.py`).
    """
    try:
        message = jsonrpc_message_adapter.validate_python(
            pydantic_core.from_json(body), by_name=False
        )
    except ValueError:
        return None
    return message if isinstance(message, JSONRPCRequest) else None


def version_of(request: Request) -> str | None:
    """Return the MCP version of a request; None for requests reserved to the transport.

    Source: a request without a version is of 2025-03-26; versions from 2026 on have no handshake,
    and the SDK handles them separately (mcp 2.3, `streamable_http_manager.py`).
    """
    version = request.headers.get(MCP_PROTOCOL_VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
    takes_json, _ = check_accept_headers(request)
    return version if takes_json and version in HANDSHAKE_PROTOCOL_VERSIONS else None


@dataclass(slots=True)
class _Context:
    """The kernel's context of a request, without messages to the client before the answer."""

    request_id: RequestId
    message_metadata: ServerMessageMetadata
    transport: TransportContext = _TRANSPORT
    can_send_request: bool = False
    cancel_requested: anyio.Event = field(default_factory=anyio.Event)

    async def send_raw_request(
        self,
        method: str,
        params: Mapping[str, Any] | None,  # noqa: ARG002 - the protocol's signature
        opts: CallOptions | None = None,  # noqa: ARG002 - the protocol's signature
    ) -> dict[str, Any]:
        raise NoBackChannelError(method)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        pass

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        pass


def _text(message: JSONRPCResponse | JSONRPCError) -> str:
    return message.model_dump_json(by_alias=True, exclude_unset=True)
