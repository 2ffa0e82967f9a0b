"""MCP for one client on one JSON-RPC connection, in all versions.

A request with an envelope is served by itself (MCP 2026-07-28). Any other is answered like the
removed server, quirks included: tools work before `initialize`, and a cancelled call is never
answered. Both kinds may mix on one connection.

Source: `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from codexmcp.appserver.answers import DECLINED, Answer
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError, RequestError, RunError
from codexmcp.jsonrpc import messages, structure
from codexmcp.jsonrpc.connection import ByteStream, Connection, NoAnswer
from codexmcp.policy.arguments import (
    ArgumentsError,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.server.call import Ask, AskingRules, Call
from codexmcp.server.envelope import envelope_of
from codexmcp.server.enveloped import EnvelopedRequests
from codexmcp.server.reception import CODEX_TOOLS, RUN_TOOLS, Reception
from codexmcp.server.results import CallResult, failure
from codexmcp.server.services import Services, is_call
from codexmcp.server.tools import CODEX, CODEX_REPLY

if TYPE_CHECKING:
    # A server without these tools does not wait for their import.
    from codexmcp.server.run_tools.answers import ToolAnswer

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
        self._enveloped = EnvelopedRequests(self.connection, self._call, self._run_tool)

    async def serve(self, services: Services, reception: Reception | None = None) -> None:
        """Serve until the client closes its end; calls may still be running then.

        Args:
            services: Services for the client.
            reception: The reception, possibly after `initialize`. None: a new reception.
        """
        self._services = services
        self._reception = reception or self._received_by(services)
        self._can_ask = self._can_ask or self._reception.takes_questions
        try:
            await self.connection.serve()
        finally:
            await self._enveloped.client_left()

    def end_subscriptions(self) -> None:
        """End the subscriptions of the client, after the changes so far: they have no end."""
        self._enveloped.end_subscriptions()

    async def close(self) -> None:
        """Cancel all requests of the client, and close the connection."""
        await self.connection.close()
        await self._enveloped.close()

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of the client (called by the connection)."""
        if not self._options.strict:
            envelope = envelope_of(request.method, request.params)
            if envelope is not None:
                services, reception = self._services, self._reception
                return await self._enveloped.answer(request, envelope, services, reception)
        match request.method:
            case "tools/call" if is_call(request.params):
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
        call = self._call(request, self._ask if self._can_ask else None)
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

    def _call(self, request: messages.Request, ask: Ask | None) -> Call:
        options = self._options
        rules = AskingRules(
            options.approval_timeout_s,
            options.default_answer,
            allow_amendments=options.allow_amendments,
        )
        return Call(self.connection, request, rules, ask, is_strict=options.strict)

    async def _ask(self, params: messages.JsonObject) -> object:
        return await self.connection.request(
            "elicitation/create", params, timeout_s=None, withdrawal="notifications/cancelled"
        )

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
