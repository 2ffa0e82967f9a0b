"""Requests of MCP 2026-07-28 in memory, with an engine that asks and no Codex."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from codexmcp.appserver.answers import DECLINED
from codexmcp.jsonrpc.messages import Request
from codexmcp.policy.conversations import Listener
from codexmcp.server import enveloped as enveloped_module
from codexmcp.server import held_calls
from codexmcp.server.engine import Engine
from codexmcp.server.protocol import McpServer, ProtocolOptions
from codexmcp.server.results import CallResult
from codexmcp.server.services import Services
from tests.support.envelope import FORMS, TASKS, enveloped
from tests.support.streams import MemoryStream, stream_pair

BOUND_S = 10.0
CALL = {"name": "codex", "arguments": {"prompt": "x"}}
COMMAND = Request(
    9,
    "item/commandExecution/requestApproval",
    {"threadId": "t", "turnId": "u", "itemId": "i", "command": "touch a", "cwd": "/w"},
)


class AskingEngine:
    """Asks some questions at once, and returns the answers as its text."""

    def __init__(self, questions: int = 1) -> None:
        self._questions = questions
        self.cancelled = asyncio.Event()

    async def codex(self, _arguments: object, listener: Listener) -> CallResult:
        assert listener.on_question is not None
        asking = [listener.on_question(COMMAND, "") for _ in range(self._questions)]
        try:
            answers = await asyncio.gather(*asking)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return CallResult(" ".join(str(cast("Any", each)["decision"]) for each in answers))


class Client:
    """A client of a server in memory."""

    def __init__(self, stream: MemoryStream, engine: AskingEngine) -> None:
        self.stream = stream
        self.engine = engine
        self._id = 0

    def send(self, method: str, params: dict[str, Any]) -> int:
        """Send a request; return its id."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self.stream.write_message(request)
        return self._id

    async def ask(
        self, method: str, params: dict[str, Any], capabilities: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the answer to a request with an envelope."""
        number = self.send(method, enveloped(params, capabilities))
        while (answer := await self.stream.read_message()).get("method") == "codex/event":
            pass
        assert answer["id"] == number, answer
        return answer


@contextlib.asynccontextmanager
async def serving(questions: int = 1, **options: Any) -> AsyncIterator[Client]:
    near, far = stream_pair()
    engine = AskingEngine(questions)
    server = McpServer(near, ProtocolOptions(version="0", **options))
    async with asyncio.timeout(BOUND_S):
        task = asyncio.create_task(server.serve(Services(cast("Engine", engine))))
        try:
            yield Client(far, engine)
        finally:
            far.close()
            await task
            await server.close()


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["result"]["content"][0]["text"])


async def test_a_server_is_discovered_and_lists_its_tools() -> None:
    async with serving() as client:
        found = (await client.ask("server/discover", {}))["result"]
        listed = (await client.ask("tools/list", {}))["result"]
    assert found["supportedVersions"] == ["2026-07-28"]
    # Without run tools there are no tasks.
    assert found["capabilities"] == {"tools": {}}
    assert "codex-reply" in found["instructions"]
    assert [each["name"] for each in listed["tools"]] == ["codex", "codex-reply"]
    for result in (found, listed):
        assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
        assert isinstance(result["ttlMs"], int)
        server = result["_meta"]["io.modelcontextprotocol/serverInfo"]
        assert server["name"] == "codex-mcp-server"


@pytest.mark.parametrize(
    "method",
    ["ping", "resources/list", "prompts/list", "logging/setLevel", "tasks/get", "tasks/list"],
)
async def test_what_was_not_offered_is_unknown(method: str) -> None:
    async with serving() as client:
        assert (await client.ask(method, {}, TASKS))["error"]["code"] == -32601


async def test_strict_compatibility_knows_no_envelope() -> None:
    async with serving(strict=True) as client:
        assert (await client.ask("server/discover", {}))["error"]["code"] == -32601
        listed = (await client.ask("tools/list", {}))["result"]
    assert listed.keys() == {"tools"}


@pytest.mark.parametrize("params", [{}, {"name": 7}, {"name": "codex", "arguments": []}])
async def test_an_incomplete_call_is_refused(params: dict[str, Any]) -> None:
    async with serving() as client:
        assert (await client.ask("tools/call", params))["error"]["code"] == -32602


async def test_an_unknown_tool_is_refused() -> None:
    async with serving() as client:
        answer = await client.ask("tools/call", {"name": "nothing", "arguments": {}})
    assert answer["error"]["code"] == -32602
    assert "unknown tool 'nothing'" in answer["error"]["message"]


@pytest.mark.parametrize("capabilities", [{}, TASKS, {"elicitation": {"url": {}}}])
async def test_a_client_without_forms_is_not_asked(capabilities: dict[str, Any]) -> None:
    async with serving() as client:
        answer = await client.ask("tools/call", CALL, capabilities)
    assert answer["result"]["resultType"] == "complete"
    assert text_of(answer) == DECLINED.decision


@pytest.mark.parametrize(
    ("response", "decision"),
    [
        ({"action": "accept", "content": {}}, "accept"),
        ({"action": "decline"}, "decline"),
        ({"action": "cancel"}, "cancel"),
    ],
)
async def test_a_question_is_a_result_and_the_client_calls_again(
    response: dict[str, Any], decision: str
) -> None:
    async with serving() as client:
        asked = (await client.ask("tools/call", CALL, FORMS))["result"]
        assert asked["resultType"] == "input_required"
        ((key, question),) = asked["inputRequests"].items()
        assert question == {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "Allow Codex to run `touch a` in `/w`?",
                "requestedSchema": {"type": "object", "properties": {}},
            },
        }
        again = {**CALL, "requestState": asked["requestState"], "inputResponses": {key: response}}
        answer = await client.ask("tools/call", again, FORMS)
        assert answer["result"]["resultType"] == "complete"
        assert text_of(answer) == decision
        # A state is good for one call.
        assert (await client.ask("tools/call", again, FORMS))["error"]["code"] == -32602


async def test_some_answers_leave_the_other_questions_open() -> None:
    async with serving(questions=2) as client:
        asked = (await client.ask("tools/call", CALL, FORMS))["result"]
        one, other = asked["inputRequests"]
        state, accept = asked["requestState"], {"action": "accept"}
        responses: dict[str, Any] = {one: accept, "unknown": accept, other: "odd"}
        again = {**CALL, "requestState": state, "inputResponses": responses}
        asked = (await client.ask("tools/call", again, FORMS))["result"]
        assert list(asked["inputRequests"]) == [other]
        responses = {other: {"action": "decline"}}
        again = {**CALL, "requestState": asked["requestState"], "inputResponses": responses}
        assert text_of(await client.ask("tools/call", again, FORMS)) == "accept decline"


@pytest.mark.parametrize("state", ["", "forged", 7, None, {}])
async def test_a_forged_state_is_refused(state: object) -> None:
    async with serving() as client:
        asked = (await client.ask("tools/call", CALL, FORMS))["result"]
        forged = await client.ask("tools/call", {**CALL, "requestState": state or "x"}, FORMS)
        other = {"name": "codex", "arguments": {"prompt": "another"}}
        moved = {**other, "requestState": asked["requestState"]}
        refused = await client.ask("tools/call", moved, FORMS)
    assert forged["error"]["code"] == refused["error"]["code"] == -32602
    assert "requestState" in refused["error"]["message"]


async def test_a_question_without_an_answer_in_time_gets_the_default() -> None:
    async with serving(approval_timeout_s=0.05) as client:
        asked = (await client.ask("tools/call", CALL, FORMS))["result"]
        await asyncio.sleep(0.1)
        again = {**CALL, "requestState": asked["requestState"], "inputResponses": {}}
        assert text_of(await client.ask("tools/call", again, FORMS)) == DECLINED.decision


async def test_a_held_call_ends_with_its_client() -> None:
    async with serving() as client:
        await client.ask("tools/call", CALL, FORMS)
        client.stream.close()
        await client.engine.cancelled.wait()


async def test_the_oldest_of_too_many_held_calls_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_calls, "MAX_HELD", 1)
    async with serving() as client:
        first = (await client.ask("tools/call", CALL, FORMS))["result"]["requestState"]
        second = (await client.ask("tools/call", CALL, FORMS))["result"]["requestState"]
        assert client.engine.cancelled.is_set()
        for state, known in ((first, False), (second, True)):
            answer = await client.ask("tools/call", {**CALL, "requestState": state}, FORMS)
            assert ("result" in answer) is known


async def test_a_cancelled_call_is_not_answered() -> None:
    async with serving() as client:
        asked = (await client.ask("tools/call", CALL, FORMS))["result"]
        state = {"requestState": asked["requestState"]}
        # The further request waits: its question has no answer.
        number = client.send("subscriptions/listen", enveloped({"notifications": {}}))
        acknowledged = await client.stream.read_message()
        cancel = {"method": "notifications/cancelled", "params": {"requestId": number}}
        client.stream.write_message({"jsonrpc": "2.0", **cancel})
        answer = await client.ask("tools/call", {**CALL, **state}, FORMS)
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {}
    assert answer["result"]["resultType"] == "input_required"


async def test_a_subscription_ends_with_its_client() -> None:
    async with serving() as client:
        client.send("subscriptions/listen", enveloped({"notifications": {"x": True}}))
        await client.stream.read_message()


async def test_subscriptions_have_a_bound() -> None:
    async with serving() as client:
        for _ in range(enveloped_module.MAX_SUBSCRIPTIONS):
            client.send("subscriptions/listen", enveloped({"notifications": {}}))
            await client.stream.read_message()
        refused = await client.ask("subscriptions/listen", {"notifications": {}})
    assert refused["error"]["code"] == -32602


async def test_tasks_need_run_tools_and_the_extension() -> None:
    async with serving() as client:
        wanted = {"notifications": {"taskIds": ["x"]}}
        number = client.send("subscriptions/listen", enveloped(wanted, TASKS))
        acknowledged = await client.stream.read_message()
        assert acknowledged["params"]["notifications"] == {}
        meta = acknowledged["params"]["_meta"]
        assert meta == {"io.modelcontextprotocol/subscriptionId": number}


async def test_both_kinds_of_requests_mix_on_one_connection() -> None:
    async with serving() as client:
        await client.ask("server/discover", {})
        hello = {
            "protocolVersion": "2026-07-28",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        }
        client.send("initialize", hello)
        answer = await client.stream.read_message()
        # `initialize` does not promise a version without `initialize`.
        assert answer["result"]["protocolVersion"] == "2025-11-25"
        client.send("tools/list", {})
        assert (await client.stream.read_message())["result"].keys() == {"tools"}
        assert (await client.ask("tools/list", {}))["result"]["resultType"] == "complete"
