"""Speaks MCP: one client on one JSON-RPC connection.

Answers as the removed server did, quirks included: any protocol version is echoed, tools work
before `initialize`, and a cancelled call is never answered.

Source: `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codexmcp.appserver.answers import DECLINED, Answer, can_be_declined, to_codex
from codexmcp.errors import CodexMCPError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import ByteStream, Connection, NoAnswer
from codexmcp.jsonvalues import is_object, object_of
from codexmcp.server.arguments import (
    ArgumentsError,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.server.call import AskingRules, Call
from codexmcp.server.engine import Engine
from codexmcp.server.results import CallResult, failure
from codexmcp.server.tools import CODEX, CODEX_REPLY, tool_definitions

if TYPE_CHECKING:
    # A server without them does not wait for them to be imported.
    from codexmcp.server.run_tools.answers import ToolAnswer
    from codexmcp.server.run_tools.tools import RunTools

logger = logging.getLogger(__name__)

LATEST_PROTOCOL_VERSION = "2025-06-18"
"""What `initialize` answers to a client that names no version."""

_EMPTY_LISTS = {
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """How the server speaks.

    Attributes:
        version: What it tells of itself, as `serverInfo`'s version.
        strict: Whether it is the removed server to the letter, additions left out.
        approval_timeout_s: How long a client may take to answer a question, in seconds.
        default_answer: What holds when it does not answer.
        allow_amendments: Whether a client may have a rule written to the Codex home.
    """

    version: str
    strict: bool = False
    approval_timeout_s: float = 300.0
    default_answer: Answer = DECLINED
    allow_amendments: bool = False


Method = Callable[[messages.JsonObject], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Services:
    """What a client is offered.

    Attributes:
        engine: Behind the tools `codex` and `codex-reply`; None leaves them out.
        run_tools: The tools of supervised runs; None leaves them out.
        methods: Further methods that are no part of MCP, by name.
    """

    engine: Engine | None = None
    run_tools: RunTools | None = None
    methods: Mapping[str, Method] = field(default_factory=dict[str, Method])


class McpServer:
    """An MCP server for one client.

    Args:
        stream: Where the client's bytes come from and go to.
        options: How it speaks.
    """

    def __init__(self, stream: ByteStream, options: ProtocolOptions) -> None:
        self.connection = Connection(stream, self, messages.Dialect.MCP)
        self._options = options
        self._services = Services()
        self._initialized = False
        # The removed server asked any client, also one that had not announced to take questions.
        self._can_ask = options.strict
        # By task: a client may use an id twice, and the end of one call is not that of the other.
        self._calls: dict[asyncio.Task[Any], messages.RequestId] = {}

    async def serve(self, services: Services) -> None:
        """Serve until the client closes its end; calls may still be running then."""
        self._services = services
        await self.connection.serve()

    async def on_codex_request(self, request: messages.Request) -> object:
        """Answer a request of Codex: put its question to the client whose call raised it."""
        engine = self._services.engine
        if engine is None or not can_be_declined(request):
            raise RequestError(
                request.method, messages.METHOD_NOT_FOUND, "codexmcp does not answer this"
            )
        answer = await engine.answer(request)
        return to_codex(request, answer, allow_amendments=self._options.allow_amendments)

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of the client (the connection calls this)."""
        match request.method:
            case "initialize" if _is_initialize(request.params):
                return self._initialize(request.params)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": self._tools()}
            case "tools/call" if _is_call(request.params):
                return await self._call_tool(request)
            case method if method in _EMPTY_LISTS:
                return {_EMPTY_LISTS[method]: []}
            case method if method in self._services.methods:
                return await self._call_method(method, request.params)
            case method:
                raise RequestError(
                    method,
                    messages.METHOD_NOT_FOUND,
                    f"method not found: {method}",
                    {"method": method},
                )

    def on_notification(self, notification: messages.Notification) -> None:
        """Take a notification of the client (the connection calls this)."""
        if notification.method == "notifications/cancelled":
            request_id = notification.params.get("requestId")
            for call, call_id in self._calls.items():
                if messages.is_request_id(request_id) and call_id == request_id:
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
        if "elicitation" in object_of(params.get("capabilities")):
            self._can_ask = True
        return {
            "protocolVersion": params.get("protocolVersion", LATEST_PROTOCOL_VERSION),
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {
                "name": "codex-mcp-server",
                "title": "Codex",
                "version": self._options.version,
            },
        }

    def _tools(self) -> list[messages.JsonObject]:
        strict = self._options.strict
        tools = [] if self._services.engine is None else tool_definitions(strict=strict)
        run_tools = self._services.run_tools
        return tools if run_tools is None else tools + run_tools.definitions()

    async def _call_method(self, method: str, params: messages.JsonObject) -> object:
        try:
            return await self._services.methods[method](params)
        except CodexMCPError as error:
            raise RequestError(method, messages.INVALID_REQUEST, str(error)) from error

    async def _call_tool(self, request: messages.Request) -> object:
        task = asyncio.current_task()
        assert task is not None
        self._calls[task] = request.id
        rules = AskingRules(
            self._can_ask, self._options.approval_timeout_s, self._options.default_answer
        )
        call = Call(self.connection, request, rules)
        alive = asyncio.create_task(call.keep_alive())
        try:
            result = await self._run_tool(request, call)
            return result.to_wire(strict=self._options.strict)
        except asyncio.CancelledError:
            raise NoAnswer from None
        finally:
            call.withdraw_questions()
            alive.cancel()
            await asyncio.wait({alive})
            del self._calls[task]

    async def _run_tool(self, request: messages.Request, call: Call) -> CallResult | ToolAnswer:
        arguments = request.params.get("arguments")
        strict = self._options.strict
        engine, run_tools = self._services.engine, self._services.run_tools
        try:
            match request.params["name"]:
                case name if name == CODEX and engine is not None:
                    parsed = parse_codex_arguments(arguments, strict=strict)
                    return await engine.codex(parsed, call.listener())
                case name if name == CODEX_REPLY and engine is not None:
                    reply = parse_reply_arguments(arguments, strict=strict)
                    return await engine.reply(reply, call.listener())
                case name if run_tools is not None and run_tools.knows(name):
                    return await run_tools.call(name, arguments, call.tell)
                case name:
                    return failure(f"Unknown tool '{name}'")
        except ArgumentsError as error:
            return failure(str(error))
        except CodexMCPError as error:
            logger.warning("the call of %s failed: %s", request.params["name"], error)
            return failure(str(error))


def _is_initialize(params: messages.JsonObject) -> bool:
    """Return whether the parameters are whole: the removed server knew no other `initialize`."""
    client = object_of(params.get("clientInfo"))
    texts = (params.get("protocolVersion"), client.get("name"), client.get("version"))
    return all(isinstance(text, str) for text in texts) and is_object(params.get("capabilities"))


def _is_call(params: messages.JsonObject) -> bool:
    arguments = params.get("arguments")
    return isinstance(params.get("name"), str) and (arguments is None or is_object(arguments))
