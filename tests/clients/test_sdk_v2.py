"""The MCP Python SDK of the second generation, which speaks MCP 2026-07-28 and before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.types import ElicitRequestParams, ElicitResult, TextContent

from codexmcp.testing import HTTPError, ScriptedModel, ShellCall, Text
from tests.clients.page import block
from tests.clients.script import ASKED_COMMAND, LONG_COMMAND, asking
from tests.clients.user import BOUND_S, User
from tests.support.processes import is_alive, until

Action = Literal["accept", "decline"]


@asynccontextmanager
async def connected(*, mode: str = "auto", **options: Any) -> AsyncIterator[Client]:
    """Connect as a program does, with our server as the only thing that is configured."""
    server = StdioServerParameters(command="codexmcp", args=["mcp-server"])
    async with asyncio.timeout(BOUND_S), Client(server, mode=mode, **options) as client:
        yield client


@pytest.mark.parametrize(
    ("mode", "agreed"),
    [("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("legacy", "2025-11-25")],
)
async def test_it_agrees_on_a_protocol_and_lists_the_tools(
    as_user: User, mode: str, agreed: str
) -> None:
    async with connected(mode=mode) as client:
        tools = (await client.list_tools()).tools
        version, info = client.protocol_version, client.server_info
        if mode == "legacy":
            assert (await client.list_resources()).resources == []
            assert (await client.list_prompts()).prompts == []
        else:
            with pytest.raises(MCPError, match="method not found"):
                await client.list_resources()
    assert [tool.name for tool in tools] == ["codex", "codex-reply"]
    assert version == agreed
    # A client of a pinned version asks nothing about the server.
    assert mode == "2026-07-28" or (info is not None and info.name == "codex-mcp-server")


async def test_a_call_tells_its_progress_and_a_reply_goes_on(as_user: User) -> None:
    told: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with ScriptedModel([Text("one"), Text("two")]) as model, connected() as client:
        as_user.reach(model)
        first = await client.call_tool("codex", {"prompt": "x"}, progress_callback=on_progress)
        assert first.structured_content is not None
        thread_id = first.structured_content["threadId"]
        assert first.structured_content["content"] == "one"
        reply = {"prompt": "y", "threadId": thread_id}
        second = await client.call_tool("codex-reply", reply)
        assert second.structured_content == {"threadId": thread_id, "content": "two"}
        assert "one" in str(model.requests[-1].body["input"])
    assert [step for step, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][1] == "says: one"


@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_a_question_of_codex_is_answered_by_the_callback(
    as_user: User, action: Action
) -> None:
    questions: list[str] = []

    async def on_elicitation(context: object, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action=action)

    async with ScriptedModel([asking(), Text("done")]) as model:
        as_user.reach(model)
        async with connected(elicitation_callback=on_elicitation) as client:
            arguments = {"prompt": "x", "approval-policy": "on-request", "sandbox": "read-only"}
            result = await client.call_tool("codex", arguments)
    assert not result.is_error
    (question,) = questions
    assert ASKED_COMMAND in question
    assert (as_user.folder / "allowed.txt").exists() is (action == "accept")


async def test_a_call_that_fails_is_an_error_result(as_user: User) -> None:
    async with ScriptedModel([HTTPError(400, "No such thing.")]) as model, connected() as client:
        as_user.reach(model)
        failed = await client.call_tool("codex", {"prompt": "x"})
        refused = await client.call_tool("codex", {"prompt": "x", "nonsense": 1})
    for result, words in ((failed, "No such thing."), (refused, "unknown field `nonsense`")):
        assert result.is_error
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert words in content.text


async def test_a_cancelled_call_ends_its_command_and_the_server_goes_on(as_user: User) -> None:
    async with ScriptedModel([ShellCall(LONG_COMMAND), Text("next")]) as model:
        as_user.reach(model)
        async with connected() as client:
            arguments = {"prompt": "x", "sandbox": "danger-full-access"}
            call = asyncio.create_task(client.call_tool("codex", arguments))
            begun = as_user.folder / "pid.txt"
            await until(begun.exists, "the command runs")
            command = int(begun.read_text())
            call.cancel()
            await asyncio.wait({call})
            await until(lambda: not is_alive(command), "the command has ended")
            after = await client.call_tool("codex", {"prompt": "y"})
    assert after.structured_content is not None
    assert after.structured_content["content"] == "next"


async def test_the_program_of_the_documentation_works(user: User) -> None:
    (user.folder / "program.py").write_text(block("MCP Python SDK", "python"))
    async with ScriptedModel([asking(), Text("It is done.")]) as model:
        user.reach(model)
        ran = (await user.run(["python", "program.py"])).worked()
    assert ran.out.splitlines()[-1] == "It is done."
    assert (user.folder / "allowed.txt").exists()
