"""Runs as MCP Tasks, with real processes and the real Codex, at every door with run tools."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import Any

import pytest

from codexmcp.testing import Text
from tests.support.envelope import FORMS, TASKS
from tests.support.http_serving import serving
from tests.support.model_steps import escalated
from tests.support.supervision import Station
from tests.support.task_clients import HttpTransport, TaskClient, task_client

DOORS = ["relay", "http"]
ESCALATION = escalated("touch asked")
ASKING: dict[str, Any] = {"sandbox": "read-only", "approval_policy": "on-request"}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["content"][0]["text"])


async def test_a_run_is_a_task_from_its_start_to_its_result(here: Station, door: str) -> None:
    release = here.model.hold("work")
    async with task_client(here, door) as client:
        found = await client.ask("server/discover")
        assert found["capabilities"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}
        assert "codex_wait" in found["instructions"]
        made = await client.call("codex_run", {"prompt": "work"})
        assert made["resultType"] == "task"
        assert {"ttlMs", "pollIntervalMs", "createdAt", "statusMessage"} <= made.keys()
        at_once = await client.get(made["taskId"])
        assert at_once["status"] == made["status"] == "working"
        assert at_once["resultType"] == "complete"
        assert datetime.fromisoformat(at_once["lastUpdatedAt"]).tzinfo is not None
        await here.model.wait_until_asked("work")
        release.set()
        task = await client.until(made["taskId"], "completed")
        # For the same client without tasks, the run is what it always was.
        told = await client.call("codex_wait", {"run_id": made["taskId"]}, {})
    assert task["result"]["structuredContent"]["message"] == "done: work"
    assert task["result"]["resultType"] == "complete"
    assert told["structuredContent"]["runId"] == made["taskId"]
    assert told["structuredContent"]["message"] == "done: work"
    assert "isError" not in task["result"]


async def test_ids_of_runs_cannot_be_guessed(here: Station) -> None:
    async with task_client(here, "relay") as client:
        one, other = await client.run("one"), await client.run("other")
    random = [task_id.rpartition("-")[2] for task_id in (one, other)]
    assert [len(each) for each in random] == [32, 32]
    assert random[0] != random[1]


async def test_a_client_without_tasks_gets_the_handle_of_a_run(here: Station, door: str) -> None:
    async with task_client(here, door) as client:
        for capabilities in ({}, FORMS):
            arguments = {"prompt": "work"}
            made = await client.call("codex_run", arguments, capabilities, task={"ttl": 1})
            assert made["resultType"] == "complete"
            assert "taskId" not in made
            run_id = made["structuredContent"]["runId"]
            refused = await client.answer("tasks/get", {"taskId": run_id}, capabilities)
            assert refused["error"]["code"] == -32021
            required = refused["error"]["data"]["requiredCapabilities"]
            assert required == {"extensions": {"io.modelcontextprotocol/tasks": {}}}
            # Capabilities hold for one request.
            assert (await client.get(run_id))["taskId"] == run_id


async def test_a_quick_run_is_answered_at_once(here: Station, door: str) -> None:
    async with task_client(here, door) as client:
        arguments = {"prompt": "work", "wait_ms": 20_000}
        made = await client.call("codex_run", arguments)
    assert made["resultType"] == "complete"
    assert made["structuredContent"]["message"] == "done: work"


async def test_a_question_is_part_of_the_task_and_answered_by_an_update(
    here: Station, door: str
) -> None:
    here.model.on("ask", ESCALATION, Text("it ran"))
    async with task_client(here, door) as client:
        task_id = await client.run("ask", cwd=str(here.project), **ASKING)
        task = await client.until(task_id, "input_required")
        ((key, question),) = task["inputRequests"].items()
        assert question["method"] == "elicitation/create"
        assert "touch asked" in question["params"]["message"]
        assert question["params"]["mode"] == "form"
        assert task["pollIntervalMs"] == 1000
        # A client that cannot show a form is not asked, and polls on.
        blind = await client.get(task_id, TASKS)
        assert (blind["status"], blind.get("inputRequests")) == ("working", None)
        # A dismissed question, an unknown key and an odd answer change nothing.
        odd: list[Any] = [{key: {"action": "cancel"}}, {"other": {"action": "accept"}}, {key: 1}]
        params: dict[str, Any] = {"taskId": task_id}
        for responses in odd:
            params["inputResponses"] = responses
            assert (await client.ask("tasks/update", params))["resultType"] == "complete"
            assert (await client.get(task_id))["status"] == "input_required"
        wrong = await client.answer("tasks/update", {"taskId": task_id, "inputResponses": []})
        assert wrong["error"]["code"] == -32602
        params["inputResponses"] = {key: {"action": "accept", "content": {}}}
        await client.ask("tasks/update", params)
        task = await client.until(task_id, "completed")
        # A late answer is ignored.
        assert (await client.ask("tasks/update", params))["resultType"] == "complete"
    assert task["result"]["structuredContent"]["message"] == "it ran"
    assert (here.project / "asked").exists()
    audit = here.project / ".codex" / "codex-mcp" / "runs" / f"{task_id}.md"
    assert "accept" in audit.read_text()


async def test_a_cancelled_task_is_an_interrupted_run(here: Station, door: str) -> None:
    here.model.hold("endless")
    async with task_client(here, door) as client:
        task_id = await client.run("endless")
        await here.model.wait_until_asked("endless")
        for _ in range(2):
            cancelled = await client.ask("tasks/cancel", {"taskId": task_id})
            assert cancelled["resultType"] == "complete"
            assert "taskId" not in cancelled
        task = await client.until(task_id, "cancelled")
        told = await client.call("codex_wait", {"run_id": task_id}, {})
    assert "result" not in task
    assert told["structuredContent"]["status"] == "interrupted"


async def test_a_failed_run_is_a_completed_task_with_an_error_of_the_tool(
    here: Station, door: str
) -> None:
    here.model.hold("slow")
    async with task_client(here, door) as client:
        task = await client.until(await client.run("slow", timeout_ms=300), "completed")
        refused = await client.call("codex_run", {"prompt": "x", "cwd": "/no/such/folder"})
    assert task["result"]["isError"]
    assert task["result"]["structuredContent"]["status"] == "timed_out"
    # A call refused before there is a run is an answer of the tool, as for any client.
    assert refused["resultType"] == "complete"
    assert refused["isError"]
    assert "is not a folder" in text_of(refused)


async def test_a_run_of_another_supervisor_can_be_read_and_not_cancelled(here: Station) -> None:
    here.model.hold("endless")
    async with task_client(here, "relay") as client:
        task_id = await client.run("endless")
        await here.model.wait_until_asked("endless")
        flags = ("--enable", "goals")
        async with task_client(here, "relay", *flags) as other:
            assert (await other.get(task_id))["status"] == "working"
            refused = await other.answer("tasks/cancel", {"taskId": task_id})
    assert refused["error"]["code"] == -32603
    assert "use a client of the server of the run" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 7}),
        ("tasks/get", {"taskId": "20260101-000000-00000000"}),
        ("tasks/update", {"taskId": "none", "inputResponses": {}}),
        ("tasks/cancel", {"taskId": "../../etc/passwd"}),
    ],
)
async def test_an_unknown_task_is_refused(
    here: Station, method: str, params: dict[str, Any]
) -> None:
    async with task_client(here, "relay") as client:
        answer = await client.answer(method, params)
    assert answer["error"]["code"] == -32602
    assert "unknown task" in answer["error"]["message"]


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result", "logging/setLevel", "ping"])
async def test_a_method_of_older_versions_is_unknown(here: Station, door: str, method: str) -> None:
    async with task_client(here, door) as client:
        answer = await client.answer(method, {"taskId": "x"})
    assert answer["error"]["code"] == -32601


async def test_a_policy_hides_the_tasks_of_others(here: Station) -> None:
    async with task_client(here, "relay") as free:
        task_id = await free.run("work", sandbox="danger-full-access")
        await free.until(task_id, "completed")
        async with task_client(here, "relay", "--sandbox", "read-only") as bound:
            for method in ("tasks/get", "tasks/cancel", "tasks/update"):
                params = {"taskId": task_id, "inputResponses": {}}
                answer = await bound.answer(method, params)
                assert answer["error"]["code"] == -32602, answer


async def test_a_subscription_tells_changes_to_the_end(here: Station, door: str) -> None:
    release = here.model.hold("work")
    async with task_client(here, door) as client:
        task_id = await client.run("work")
        await here.model.wait_until_asked("work")
        asyncio.get_running_loop().call_later(0.3, release.set)
        wanted = {"taskIds": [task_id, "unknown"], "toolsListChanged": True}
        heard = await client.messages("subscriptions/listen", {"notifications": wanted})
    *notifications, answer = heard
    acknowledged, *changes = notifications
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"taskIds": [task_id]}
    assert {each["method"] for each in changes} == {"notifications/tasks"}
    assert changes[-1]["params"]["status"] == "completed"
    assert changes[-1]["params"]["result"]["structuredContent"]["message"] == "done: work"
    key = "io.modelcontextprotocol/subscriptionId"
    assert {each["params"]["_meta"][key] for each in notifications} == {answer["id"]}
    assert answer["result"]["_meta"][key] == answer["id"]


async def test_a_task_outlives_client_relay_and_supervisor(here: Station) -> None:
    here.model.hold("endless")
    async with task_client(here, "relay") as client:
        task_id = await client.run("endless")
        await here.model.wait_until_asked("endless")
    # Client and relay have been killed.
    async with task_client(here, "relay") as client:
        assert (await client.get(task_id))["status"] == "working"
        (pid,) = here.supervisor_pids()
        await here.killed(pid)
        task = await client.until(task_id, "completed")
        assert task["result"]["isError"]
        assert task["result"]["structuredContent"]["status"] == "lost"
        resumed = await client.call("codex_resume", {"run_id": task_id, "prompt": "go on"})
        assert resumed["resultType"] == "task"
        task = await client.until(resumed["taskId"], "completed")
    assert task["result"]["structuredContent"]["message"] == "done: go on"


async def test_a_call_of_codex_is_a_task_and_its_reply_another(here: Station) -> None:
    release = here.model.hold("one")
    async with task_client(here, "relay", "--tools", "codex,runs") as client:
        made = await client.call("codex", {"prompt": "one", "sandbox": "read-only"})
        assert made["resultType"] == "task"
        await here.model.wait_until_asked("one")
        release.set()
        first = (await client.until(made["taskId"], "completed"))["result"]
        thread_id = first["structuredContent"]["threadId"]
        assert first["structuredContent"] == {"threadId": thread_id, "content": "done: one"}
        assert first["content"] == [{"type": "text", "text": "done: one"}]
        assert first["_meta"].keys() >= {"usage", "durationMs"}
        again = await client.call("codex-reply", {"prompt": "two", "threadId": thread_id})
        second = (await client.until(again["taskId"], "completed"))["result"]
        assert second["structuredContent"] == {"threadId": thread_id, "content": "done: two"}
        runs = (await client.call("codex_runs", {}, {}))["structuredContent"]["runs"]
        assert [each["runId"] for each in runs] == [again["taskId"], made["taskId"]]
        # The same client without tasks for this request is answered by the tool.
        third = {"prompt": "three", "threadId": thread_id}
        answer = await client.call("codex-reply", third, {})
        assert answer["structuredContent"] == {"threadId": thread_id, "content": "done: three"}


async def test_a_reply_on_a_thread_without_a_run_is_answered_by_the_tool(here: Station) -> None:
    async with task_client(here, "relay", "--tools", "codex,runs") as client:
        first = await client.call("codex", {"prompt": "one"}, {})
        thread_id = first["structuredContent"]["threadId"]
        reply = {"prompt": "two", "threadId": thread_id}
        second = await client.call("codex-reply", reply)
        unknown = await client.call("codex-reply", {**reply, "threadId": str(uuid.uuid4())})
    assert second["resultType"] == "complete"
    assert second["structuredContent"] == {"threadId": thread_id, "content": "done: two"}
    assert unknown["isError"]
    assert "Session not found" in text_of(unknown)


async def test_a_question_of_codex_is_part_of_its_task_or_of_its_answer(here: Station) -> None:
    here.model.on("ask", ESCALATION, Text("it ran"))
    arguments = {"prompt": "ask", "sandbox": "read-only", "approval-policy": "on-request"}
    async with task_client(here, "relay", "--tools", "codex,runs") as client:
        made = await client.call("codex", arguments)
        task = await client.until(made["taskId"], "input_required")
        (key,) = task["inputRequests"]
        responses = {key: {"action": "accept"}}
        await client.ask("tasks/update", {"taskId": task["taskId"], "inputResponses": responses})
        task = await client.until(made["taskId"], "completed")
        assert task["result"]["structuredContent"]["content"] == "it ran"
        (here.project / "asked").unlink()
        here.model.on("ask again", ESCALATION, Text("it ran"))
        arguments = {**arguments, "prompt": "ask again"}
        asked = await client.call("codex", arguments, FORMS)
        assert asked["resultType"] == "input_required"
        (key,) = asked["inputRequests"]
        answers = {"requestState": asked["requestState"]}
        answers |= {"inputResponses": {key: {"action": "accept"}}}
        answer = await client.call("codex", arguments, FORMS, **answers)
    assert answer["structuredContent"]["content"] == "it ran"
    assert (here.project / "asked").exists()


async def test_a_call_of_codex_keeps_its_instructions_and_settings_as_a_task(here: Station) -> None:
    arguments = {
        "prompt": "one",
        "base-instructions": "You are terse.",
        "developer-instructions": "Use tabs.",
        "config": {"model_reasoning_summary": "none"},
    }
    async with task_client(here, "relay", "--tools", "codex,runs") as client:
        made = await client.call("codex", arguments)
        await client.until(made["taskId"], "completed")
        wrong = await client.call("codex", {"prompt": "x", "nonsense": 1})
        bound = {"prompt": "x", "sandbox": "danger-full-access"}
        flags = ("--tools", "codex,runs", "--sandbox", "read-only")
        async with task_client(here, "relay", *flags) as narrow:
            refused = await narrow.call("codex", bound)
    body = str(here.model.requests[0].body)
    assert "You are terse." in body
    assert "Use tabs." in body
    for answer, words in ((wrong, "unknown field `nonsense`"), (refused, "sandbox")):
        assert answer["resultType"] == "complete"
        assert answer["isError"]
        assert words in text_of(answer)


async def test_a_call_of_codex_with_a_schema_has_its_output_as_a_task(here: Station) -> None:
    here.model.on("count", Text('{"n": 3}'))
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    async with task_client(here, "relay", "--tools", "codex,runs") as client:
        made = await client.call("codex", {"prompt": "count", "output-schema": schema})
        task = await client.until(made["taskId"], "completed")
    assert task["result"]["structuredContent"]["output"] == {"n": 3}


async def test_a_token_without_the_scope_of_runs_knows_no_task(here: Station) -> None:
    async with serving(here) as server:
        owner = TaskClient(HttpTransport(server))
        task_id = await owner.run("work")
        added = await here.command("serve", "--add-token", "reader", "--scopes", "read")
        reader = TaskClient(HttpTransport(server, added.out.split()[-1]))
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            params = {"taskId": task_id, "inputResponses": {}}
            refused = await reader.answer(method, params)
            assert refused["error"]["code"] == -32602
            assert "unknown task" in refused["error"]["message"]
        assert (await owner.until(task_id, "completed"))["taskId"] == task_id
