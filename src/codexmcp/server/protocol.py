"""MCP for one client on one JSON-RPC connection.

Answers like the removed server, quirks included: any protocol version is echoed, tools work before
`initialize`, and a cancelled call is never answered.

Source: `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from codexmcp.appserver.answers import DECLINED, Answer
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, RequestError, RunError
from codexmcp.jsonrpc import messages, structure
from codexmcp.jsonrpc.connection import ByteStream, Connection, NoAnswer
from codexmcp.jsonvalues import is_object
from codexmcp.policy.arguments import (
    ArgumentsError,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.server.call import AskingRules, Call
from codexmcp.server.engine import Engine
from codexmcp.server.reception import CODEX_TOOLS, RUN_TOOLS, Reception
from codexmcp.server.results import CallResult, failure
from codexmcp.server.tools import CODEX, CODEX_REPLY

if TYPE_CHECKING:
    # A server without these tools does not wait for their import.
    from codexmcp.server.run_tools.answers import ToolAnswer
    from codexmcp.server.run_tools.tools import RunTools

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """Options of the protocol.

    Attributes:
        version: Version in `serverInfo`.
        strict: Imitate the removed server exactly, without additions.
        approval_timeout_s: Bound on a client's answer to a question, in seconds.
        default_answer: The answer after the bound.
        allow_amendments: A client's answer may write a rule to the Codex home.
    """

    version: str
    strict: bool = False
    approval_timeout_s: float = 300.0
    default_answer: Answer = DECLINED
    allow_amendments: bool = False


Method = Callable[[messages.JsonObject], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Services:
    """Services for a client.

    Attributes:
        engine: The tools `codex` and `codex-reply`. None: not offered.
        run_tools: The tools of supervised runs. None: not offered.
        methods: Further methods outside MCP, by name.
    """

    engine: Engine | None = None
    run_tools: RunTools | None = None
    methods: Mapping[str, Method] = field(default_factory=dict[str, Method])


class McpServer:
    """An MCP server for one client.

    Args:
        stream: The client's byte stream.
        options: Options of the protocol.
    """

    def __init__(self, stream: ByteStream, options: ProtocolOptions) -> None:
        self.connection = Connection(stream, self, messages.Dialect.MCP, bounds=structure.REQUEST)
        self._options = options
        self._services = Services()
        self._reception = self._received_by(self._services)
        # The removed server asked any client, even without the announced capability.
        self._can_ask = options.strict
        # By task: a client may use an id twice, and the two calls end separately.

    async def serve(self, services: Services, reception: Reception | None = None) -> None:
        """Serve until the client closes its end; calls may still be running then.

        Args:
            services: Services for the client.
            reception: The reception, possibly after `initialize`. None: a new reception.
        """
        self._services = services
        self._reception = reception or self._received_by(services)
        self._can_ask = self._can_ask or self._reception.takes_questions
        await self.connection.serve()

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of the client (called by the connection)."""
        match request.method:
            case "tools/call" if _is_call(request.params):
                return await self._call_tool(request)
            case method if method in self._services.methods:
                return await self._call_method(method, request.params)
            case method:
                return self._answer(method, request.params)

    def _received_by(self, services: Services) -> Reception:
        groups = {CODEX_TOOLS: services.engine, RUN_TOOLS: services.run_tools}
        return Reception(
            self._options.version,
            [name for name, tools in groups.items() if tools is not None],
            strict=self._options.strict,
        )

    def on_notification(self, notification: messages.Notification) -> None:
        """Handle a notification of the client (called by the connection)."""
        if notification.method == "notifications/cancelled":
            request_id = notification.params.get("requestId")
            if messages.is_request_id(request_id):
                self.connection.cancel(request_id)

    def on_invalid(self, message: messages.InvalidMessage) -> None:
        """Log and ignore a line without a valid message (called by the connection)."""
        logger.warning("ignoring a line of the client: %s: %r", message.reason, message.line)

    def _answer(self, method: str, params: messages.JsonObject) -> object:
        answer = self._reception.answer(method, params)
        self._can_ask = self._can_ask or self._reception.takes_questions
        return answer

    async def _call_method(self, method: str, params: messages.JsonObject) -> object:
        try:
            return await self._services.methods[method](params)
        except CodexMCPError as error:
            data = error.to_json() if isinstance(error, RunError) and error.kind else None
            raise RequestError(method, messages.INVALID_REQUEST, str(error), data) from error

    async def _call_tool(self, request: messages.Request) -> object:
        options = self._options
        rules = AskingRules(
            self._can_ask,
            options.approval_timeout_s,
            options.default_answer,
            allow_amendments=options.allow_amendments,
        )
        call = Call(self.connection, request, rules, is_strict=self._options.strict)
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


def _is_call(params: messages.JsonObject) -> bool:
    arguments = params.get("arguments")
    return isinstance(params.get("name"), str) and (arguments is None or is_object(arguments))
