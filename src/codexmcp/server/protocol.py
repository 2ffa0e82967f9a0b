"""Speaks MCP: one client on one JSON-RPC connection.

Answers as the removed server did, quirks included: any protocol version is echoed, tools work
before `initialize`, and a cancelled call is never answered.

Source: `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from codexmcp.appserver.events import Event
from codexmcp.appserver.requests import ThreadInfo
from codexmcp.errors import CodexMCPError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import ByteStream, Connection, NoAnswer
from codexmcp.server import codex_events
from codexmcp.server.arguments import (
    ArgumentsError,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.server.engine import Engine, Listener
from codexmcp.server.results import CallResult, failure
from codexmcp.server.tools import CODEX, CODEX_REPLY, tool_definitions

logger = logging.getLogger(__name__)

LATEST_PROTOCOL_VERSION = "2025-06-18"
"""What `initialize` answers to a client that names no version."""

_EMPTY_LISTS = {
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


class McpServer:
    """An MCP server for one client.

    Args:
        stream: Where the client's bytes come from and go to.
        version: What it tells the client of itself, as `serverInfo`'s version.
    """

    def __init__(self, stream: ByteStream, version: str) -> None:
        self.connection = Connection(stream, self, messages.Dialect.MCP)
        self._version = version
        self._engine: Engine | None = None
        self._initialized = False
        self._calls: dict[messages.RequestId, asyncio.Task[Any]] = {}

    async def serve(self, engine: Engine) -> None:
        """Serve until the client closes its end; calls may still be running then."""
        self._engine = engine
        await self.connection.serve()

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of the client (the connection calls this)."""
        match request.method:
            case "initialize":
                return self._initialize(request.params)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": tool_definitions()}
            case "tools/call" if isinstance(request.params.get("name"), str):
                return await self._call_tool(request)
            case method if method in _EMPTY_LISTS:
                return {_EMPTY_LISTS[method]: []}
            case method:
                raise RequestError(method, messages.METHOD_NOT_FOUND, f"method not found: {method}")

    def on_notification(self, notification: messages.Notification) -> None:
        """Take a notification of the client (the connection calls this)."""
        if notification.method == "notifications/cancelled":
            call = self._calls.get(notification.params.get("requestId", ""))
            if call is not None:
                call.cancel()

    def on_junk(self, junk: messages.Junk) -> None:
        """Ignore a line that is no message, and say so in the log (the connection calls this)."""
        logger.warning("ignoring a line of the client: %s: %r", junk.reason, junk.line)

    def _initialize(self, params: messages.JsonObject) -> object:
        if self._initialized:
            raise RequestError(
                "initialize", messages.INVALID_REQUEST, "initialize called more than once"
            )
        self._initialized = True
        return {
            "protocolVersion": params.get("protocolVersion", LATEST_PROTOCOL_VERSION),
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {
                "name": "codex-mcp-server",
                "title": "Codex",
                "version": self._version,
            },
        }

    async def _call_tool(self, request: messages.Request) -> object:
        task = asyncio.current_task()
        assert task is not None
        self._calls[request.id] = task
        try:
            return (await self._run_tool(request)).to_wire()
        except asyncio.CancelledError:
            raise NoAnswer from None
        finally:
            self._calls.pop(request.id, None)

    async def _run_tool(self, request: messages.Request) -> CallResult:
        assert self._engine is not None
        arguments = request.params.get("arguments")
        listener = self._listener(request.id)
        try:
            match request.params["name"]:
                case name if name == CODEX:
                    return await self._engine.codex(parse_codex_arguments(arguments), listener)
                case name if name == CODEX_REPLY:
                    return await self._engine.reply(parse_reply_arguments(arguments), listener)
                case name:
                    return failure(f"Unknown tool '{name}'")
        except ArgumentsError as error:
            return failure(str(error))
        except CodexMCPError as error:
            logger.warning("the call of %s failed: %s", request.params["name"], error)
            return failure(str(error))

    def _listener(self, request_id: messages.RequestId) -> Listener:
        translator = codex_events.EventTranslator()

        def on_thread(thread: ThreadInfo) -> None:
            for msg in codex_events.session_configured(thread.raw):
                self._send_event(request_id, thread.id, "", msg)

        def on_event(thread_id: str, event: Event) -> None:
            for msg in translator.translate(event):
                self._send_event(request_id, thread_id, event.turn_id, msg)

        return Listener(on_thread, on_event)

    def _send_event(
        self, request_id: messages.RequestId, thread_id: str, turn_id: str, msg: codex_events.Msg
    ) -> None:
        meta = {"requestId": request_id, "threadId": thread_id}
        self.connection.notify("codex/event", {"_meta": meta, "id": turn_id, "msg": msg})
