"""Requests with an envelope (MCP 2026-07-28): tool calls, tasks and subscriptions.

Each request stands for itself: nothing is remembered about its client but held calls and open
subscriptions. Answers without work come from the reception.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from codexmcp.errors import CodexMCPError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import Connection, NoAnswer
from codexmcp.server.call import Call
from codexmcp.server.envelope import LISTEN, TASK_METHODS, Envelope, complete
from codexmcp.server.held_calls import HeldCalls, MakeCall
from codexmcp.server.reception import Reception
from codexmcp.server.results import CallResult, failure
from codexmcp.server.services import Services, is_call
from codexmcp.server.subscription import Subscription
from codexmcp.server.tasks import Task, created, task_answer
from codexmcp.server.tools import CODEX, CODEX_REPLY

if TYPE_CHECKING:
    # A server without these tools does not wait for their import.
    from codexmcp.server.run_tools.answers import ToolAnswer
    from codexmcp.server.run_tools.tools import RunTools

MAX_SUBSCRIPTIONS = 32
"""Bound on the subscriptions of a client: each looks at its tasks every second."""

T = TypeVar("T")

Run = Callable[[messages.Request, Call], "Awaitable[CallResult | ToolAnswer]"]


class EnvelopedRequests:
    """The requests with an envelope of one client.

    Args:
        connection: The connection of the client.
        make_call: Makes the notifications and questions of a call.
        run: Runs a tool.
    """

    def __init__(self, connection: Connection, make_call: MakeCall, run: Run) -> None:
        self._connection = connection
        self._make_call = make_call
        self._run = run
        self._held = HeldCalls(make_call, self._worked)
        self._ending = asyncio.Event()
        self._subscriptions = 0

    async def answer(
        self,
        request: messages.Request,
        envelope: Envelope,
        services: Services,
        reception: Reception,
    ) -> messages.JsonObject:
        """Return the result of a request.

        Raises:
            RequestError: The request is refused.
        """
        method, run_tools = request.method, services.run_tools
        match method:
            case "tools/call":
                result = await self._answer_call(request, envelope, services)
            case method if method in TASK_METHODS and run_tools is not None:
                result = await task_answer(run_tools.tasks, method, request.params, envelope)
            case method if method == LISTEN:
                result = await self._until_cancelled(self._listen(request, envelope, services))
            case method:
                return reception.answer(method, request.params)
        return complete(result, reception.server_info)

    def end_subscriptions(self) -> None:
        """End all subscriptions, after the changes so far."""
        self._ending.set()

    async def client_left(self) -> None:
        """End subscriptions and held calls."""
        self.end_subscriptions()
        await self._held.abandon()

    async def close(self) -> None:
        """End everything, calls at work included."""
        await self._held.close()

    async def _listen(
        self, request: messages.Request, envelope: Envelope, services: Services
    ) -> messages.JsonObject:
        if self._subscriptions >= MAX_SUBSCRIPTIONS:
            text = f"at most {MAX_SUBSCRIPTIONS} at once: cancel one"
            raise RequestError(request.method, messages.INVALID_PARAMS, text)
        source = None if services.run_tools is None else services.run_tools.tasks
        subscription = Subscription(request.id, request.params, envelope, self._notify)
        self._subscriptions += 1
        try:
            return await subscription.serve(source, self._ending)
        finally:
            self._subscriptions -= 1

    async def _answer_call(
        self, request: messages.Request, envelope: Envelope, services: Services
    ) -> messages.JsonObject:
        name, run_tools = _called(request, services), services.run_tools
        takes_task = envelope.declares_tasks and "requestState" not in request.params
        started = None
        if run_tools is not None and takes_task and run_tools.makes_task(name):
            started = await self._until_cancelled(self._started(request, run_tools))
        return started or await self._held.answer(request, envelope)

    async def _started(
        self, request: messages.Request, run_tools: RunTools
    ) -> messages.JsonObject | None:
        params, call = request.params, self._make_call(request, None)
        try:
            made = await run_tools.task(params["name"], params.get("arguments"), call.tell)
        except CodexMCPError as error:
            return failure(str(error)).to_wire(strict=False)
        if made is None:
            return None
        return created(made) if isinstance(made, Task) else made.to_wire()

    async def _until_cancelled(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except asyncio.CancelledError:
            raise NoAnswer from None

    async def _worked(self, request: messages.Request, call: Call) -> messages.JsonObject:
        return (await self._run(request, call)).to_wire(strict=False)

    async def _notify(self, method: str, params: messages.JsonObject) -> None:
        self._connection.notify(method, params)
        await self._connection.drain()


def _called(request: messages.Request, services: Services) -> str:
    """Return the name of the called tool.

    Raises:
        RequestError: The parameters are incomplete, or there is no such tool.
    """
    if not is_call(request.params):
        raise _invalid("`name` must be a string, and `arguments` an object")
    name: str = request.params["name"]
    is_run_tool = services.run_tools is not None and services.run_tools.knows(name)
    if not is_run_tool and (name not in {CODEX, CODEX_REPLY} or services.engine is None):
        raise _invalid(f"unknown tool {name[:80]!r}: see tools/list")
    return name


def _invalid(text: str) -> RequestError:
    return RequestError("tools/call", messages.INVALID_PARAMS, text)
