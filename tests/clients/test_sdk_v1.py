"""The MCP Python SDK of the first generation, in an environment of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.clients.install import sdk_v1_python
from tests.clients.script import ASKED_COMMAND, LONG_COMMAND, asking
from tests.clients.user import User

PROGRAM = Path(__file__).with_name("sdk_v1.py")


async def run(user: User, conversation: str) -> Any:
    ran = await user.run([str(sdk_v1_python()), str(PROGRAM), conversation])
    return json.loads(ran.worked().out)


async def test_it_lists_what_there_is(user: User) -> None:
    tools, resources, prompts = await run(user, "lists")
    assert [tool["name"] for tool in tools["tools"]] == ["codex", "codex-reply"]
    assert resources["resources"] == []
    assert prompts["prompts"] == []


async def test_calls_tell_progress_go_on_and_fail_as_results(user: User) -> None:
    async with ScriptedModel([Text("one"), Text("two")]) as model:
        user.reach(model)
        told, first, second, wrong = await run(user, "calls")
    assert [step for step, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][1] == "says: one"
    assert first["structuredContent"]["content"] == "one"
    thread_id = first["structuredContent"]["threadId"]
    assert second["structuredContent"] == {"threadId": thread_id, "content": "two"}
    assert wrong["isError"]
    assert "unknown field `nonsense`" in wrong["content"][0]["text"]


async def test_a_question_is_answered_by_the_callback(user: User) -> None:
    async with ScriptedModel([asking(), Text("done")]) as model:
        user.reach(model)
        (question,), result = await run(user, "questions")
    assert ASKED_COMMAND in question
    assert result["structuredContent"]["content"] == "done"
    assert (user.folder / "allowed.txt").exists()


async def test_a_cancelled_call_ends_its_command_and_the_server_goes_on(user: User) -> None:
    async with ScriptedModel([ShellCall(LONG_COMMAND), Text("next")]) as model:
        user.reach(model)
        after = await run(user, "cancellation")
    assert after["structuredContent"]["content"] == "next"
