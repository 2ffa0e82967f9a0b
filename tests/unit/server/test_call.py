from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from codexmcp.appserver.answers import Answer, ApprovalDecision
from codexmcp.appserver.events import parse_event
from codexmcp.appserver.requests import ThreadInfo
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonrpc.messages import Request
from codexmcp.server import call as call_module
from codexmcp.server.call import AskingRules, Call

if TYPE_CHECKING:
    import pytest

BOUND_S = 10.0
CANCEL = Answer(ApprovalDecision.CANCEL)
QUESTION = Request(
    9, "item/commandExecution/requestApproval", {"threadId": "t", "turnId": "u", "itemId": "i"}
)


class FakeConnection:
    """Keeps what it is told, and answers every request alike; None for never."""

    def __init__(self, answer: object = None) -> None:
        self.told: list[tuple[str, Any]] = []
        self.news = asyncio.Event()
        self._answer = answer

    def notify(self, method: str, params: Any) -> None:
        self.told.append((method, params))
        self.news.set()

    async def ask(self, params: Any) -> object:
        self.told.append(("elicitation/create", params))
        if self._answer is None:
            await asyncio.sleep(BOUND_S)
        return self._answer


def call_on(
    connection: FakeConnection,
    rules: AskingRules | None = None,
    token: object = None,
    *,
    can_ask: bool = True,
) -> Call:
    meta = {} if token is None else {"_meta": {"progressToken": token}}
    request = Request(3, "tools/call", meta)
    return Call(
        cast("Connection", connection),
        request,
        rules or AskingRules(),
        connection.ask if can_ask else None,
    )


def test_events_name_the_call_and_the_thread() -> None:
    connection = FakeConnection()
    call = call_on(connection)
    call.on_thread(ThreadInfo("t", {"thread": {"id": "t"}}))
    call.on_event("t", parse_event("turn/diff/updated", {"threadId": "t", "turnId": "u"}))
    (_, first), _, (method, last) = connection.told
    assert (first["id"], first["msg"]["type"]) == ("", "session_configured")
    assert method == "codex/event"
    assert last == {
        "_meta": {"requestId": 3, "threadId": "t"},
        "id": "u",
        "msg": {"type": "turn_diff", "unified_diff": ""},
    }


async def test_progress_comes_at_the_start_and_again_while_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_module, "PROGRESS_INTERVAL_S", 0.001)
    connection = FakeConnection()
    alive = asyncio.ensure_future(call_on(connection, token="p").keep_alive())
    async with asyncio.timeout(BOUND_S):
        while len(connection.told) < 3:
            connection.news.clear()
            await connection.news.wait()
    alive.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await alive
    assert [params["progress"] for _, params in connection.told[:3]] == [1, 2, 3]
    assert {params["progressToken"] for _, params in connection.told} == {"p"}


async def test_without_a_token_there_is_no_progress() -> None:
    connection = FakeConnection()
    call = call_on(connection)
    async with asyncio.timeout(BOUND_S):
        await call.keep_alive()
    call.on_event("t", parse_event("error", {"turnId": "u", "error": {"message": "x"}}))
    assert [method for method, _ in connection.told] == ["codex/event"]


def test_progress_is_told_when_something_else_is_done() -> None:
    connection = FakeConnection()
    call = call_on(connection, token=0)
    item = {"turnId": "u", "item": {"type": "commandExecution", "id": "i", "command": "ls"}}
    for _ in range(2):
        call.on_event("t", parse_event("item/started", item))
    lines = [params["message"] for m, params in connection.told if m == "notifications/progress"]
    assert lines == ["runs ls"]


async def test_a_question_is_told_put_and_answered() -> None:
    connection = FakeConnection({"decision": "approved"})
    call = call_on(connection)
    assert await call.on_question(QUESTION, "") == {"decision": "accept"}
    (_, told), (method, asked) = connection.told
    assert told["msg"]["type"] == "exec_approval_request"
    assert (method, asked["codex_mcp_tool_call_id"]) == ("elicitation/create", "3")


async def test_a_question_of_a_sub_agent_names_it() -> None:
    connection = FakeConnection({"decision": "denied"})
    call = call_on(connection)
    await call.on_question(QUESTION, "/root/tests")
    assert connection.told[-1][1]["message"].startswith("[sub-agent /root/tests] Allow Codex")


async def test_without_an_answer_the_default_holds() -> None:
    rules = AskingRules(timeout_s=0.01, default=CANCEL)
    assert await call_on(FakeConnection(), rules).on_question(QUESTION, "") == {
        "decision": "cancel"
    }


async def test_a_client_that_takes_no_questions_is_not_asked() -> None:
    connection = FakeConnection({"decision": "approved"})
    call = call_on(connection, AskingRules(default=CANCEL), can_ask=False)
    assert await call.on_question(QUESTION, "") == {"decision": "cancel"}
    assert connection.told == []
