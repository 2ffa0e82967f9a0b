"""Tool calls whose questions are results: the client calls again with the answers.

Owns the calls between a question and the next request of their client. A held call ends with its
connection. Its `requestState` is a random key to this process, so that no other client continues it
and nothing of it can be forged.

Source: MCP 2026-07-28, basic/mrtr.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import NoAnswer
from codexmcp.jsonvalues import is_object, object_of
from codexmcp.server.call import Ask, Call
from codexmcp.server.envelope import Envelope
from codexmcp.server.questions import standard

MAX_HELD = 64
"""Bound on the held calls of a client; the oldest is cancelled first."""

Result = dict[str, Any]
MakeCall = Callable[[messages.Request, Ask | None], Call]
Work = Callable[[messages.Request, Call], Awaitable[Result]]


@dataclass(slots=True)
class _Question:
    params: dict[str, Any]
    answer: asyncio.Future[object]


@dataclass(slots=True)
class _Held:
    """A call, from its first request to its result.

    Attributes:
        subject: Tool and arguments; each further request must have the same.
        questions: Open questions by key.
        news: Set when the work is done or has asked.
    """

    subject: tuple[object, object]
    questions: dict[str, _Question] = field(default_factory=dict[str, _Question])
    news: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    call: Call | None = None
    work: asyncio.Task[Result] | None = None

    async def ask(self, params: dict[str, Any]) -> object:
        """Wait for the client's answer to a question."""
        self.asked += 1
        key = f"question-{self.asked}"
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.questions[key] = _Question(standard(params), future)
        self.news.set()
        try:
            return await future
        finally:
            self.questions.pop(key, None)

    def answer(self, responses: Mapping[str, Any]) -> None:
        """Settle the answered questions; the others stay open."""
        for key, each in responses.items():
            question = self.questions.get(key)
            # The bound of the question may be over in this moment.
            if question is not None and is_object(each) and not question.answer.done():
                del self.questions[key]
                question.answer.set_result(each)

    async def end(self) -> None:
        """Cancel the work, and wait for its end."""
        assert self.work is not None
        self.work.cancel()
        await asyncio.wait({self.work})


class HeldCalls:
    """The tool calls with an envelope of one client.

    Args:
        make_call: Makes the notifications and questions of a call. The second argument asks the
            client; None for a client that cannot answer.
        work: Runs the tool.
    """

    def __init__(self, make_call: MakeCall, work: Work) -> None:
        self._make_call = make_call
        self._work = work
        self._held: dict[str, _Held] = {}
        self._all: set[asyncio.Task[Result]] = set()

    async def answer(self, request: messages.Request, envelope: Envelope) -> Result:
        """Return the result of a call, or its open questions.

        Raises:
            RequestError: The `requestState` is unknown, or belongs to another call.
        """
        state = request.params.get("requestState")
        held = self._begun(request, envelope) if state is None else self._taken(request, state)
        assert held.call is not None
        assert held.work is not None
        alive = asyncio.create_task(held.call.keep_alive())
        try:
            while not held.work.done() and not held.questions:
                held.news.clear()
                await held.news.wait()
        except asyncio.CancelledError:
            await held.end()
            raise NoAnswer from None
        finally:
            alive.cancel()
            await asyncio.wait({alive})
        return held.work.result() if held.work.done() else await self._asking(held)

    async def close(self) -> None:
        """End all calls, when the client can no longer continue them."""
        self._held.clear()
        for work in tuple(self._all):
            work.cancel()
        if self._all:
            await asyncio.wait(self._all)

    async def abandon(self) -> None:
        """End the held calls, after their client has left."""
        held, self._held = self._held, {}
        for each in held.values():
            await each.end()

    def _begun(self, request: messages.Request, envelope: Envelope) -> _Held:
        held = _Held(_subject(request))
        held.call = self._make_call(request, held.ask if envelope.takes_forms else None)
        held.work = asyncio.create_task(self._worked(request, held.call))
        self._all.add(held.work)
        held.work.add_done_callback(self._all.discard)
        held.work.add_done_callback(lambda _: held.news.set())
        return held

    async def _worked(self, request: messages.Request, call: Call) -> Result:
        try:
            return await self._work(request, call)
        finally:
            call.withdraw_questions()

    def _taken(self, request: messages.Request, state: object) -> _Held:
        held = self._held.get(state) if isinstance(state, str) else None
        if held is None or held.subject != _subject(request):
            raise RequestError(
                request.method,
                messages.INVALID_PARAMS,
                "unknown requestState: the call is over, or it was another one; call the tool "
                "again without requestState",
            )
        assert held.call is not None
        assert held.work is not None
        del self._held[str(state)]
        held.call.continue_for(request)
        held.answer(object_of(request.params.get("inputResponses")))
        return held

    async def _asking(self, held: _Held) -> Result:
        assert held.call is not None
        held.call.continue_for(None)
        state = secrets.token_urlsafe(24)
        self._held[state] = held
        if len(self._held) > MAX_HELD:
            await self._held.pop(next(iter(self._held))).end()
        requests = {
            key: {"method": "elicitation/create", "params": each.params}
            for key, each in held.questions.items()
        }
        return {
            "resultType": "input_required",
            "inputRequests": requests,
            "requestState": state,
        }


def _subject(request: messages.Request) -> tuple[object, object]:
    return request.params.get("name"), request.params.get("arguments")
