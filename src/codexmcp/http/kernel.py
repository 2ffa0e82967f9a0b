"""Requests of MCP that the SDK's kernel answers without its transport, which costs half of a call.

That transport starts a session with tasks and streams for each request, because messages may come
between it and its answer. Here none can: the server keeps no sessions, and the answer is one JSON
object. What is anything else goes through the transport. Must not know what is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
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

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.shared.dispatcher import CallOptions
    from starlette.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger(__name__)

_TRANSPORT = TransportContext(kind="streamable-http", can_send_request=False)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Answers requests.

    Attributes:
        server: The SDK's server.
        transport: Answers what is no plain request of a version that begins with a handshake.
    """

    server: Server[Any]
    transport: ASGIApp

    def answering(self, body: bytes) -> ASGIApp:
        """Return what answers a request, by its body."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope)
            message, version = request_of(body), version_of(request)
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
                # What a lifespan would give; our server has none.
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
    """Return the one request that a body is; None when it is anything else.

    Source: read as the SDK's transport reads it (mcp 2.3, `streamable_http.py`).
    """
    try:
        message = jsonrpc_message_adapter.validate_python(
            pydantic_core.from_json(body), by_name=False
        )
    except ValueError:
        return None
    return message if isinstance(message, JSONRPCRequest) else None


def version_of(request: Request) -> str | None:
    """Return the version of MCP that a request is of; None when the transport must look at it.

    Source: a request that names no version is of 2025-03-26; those from 2026 on have no handshake,
    and the SDK has another way to them (mcp 2.3, `streamable_http_manager.py`).
    """
    version = request.headers.get(MCP_PROTOCOL_VERSION_HEADER, DEFAULT_NEGOTIATED_VERSION)
    takes_json, _ = check_accept_headers(request)
    return version if takes_json and version in HANDSHAKE_PROTOCOL_VERSIONS else None


@dataclass(slots=True)
class _Context:
    """What the kernel knows of a request; no message goes to the client before the answer."""

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
