"""The MCP Inspector's command-line client, which also reads configuration as Cursor does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from codexmcp.testing import ScriptedModel, Text
from tests.clients.install import inspector
from tests.clients.page import block, commands
from tests.clients.user import Ran, User

NPX = ["npx", "@modelcontextprotocol/inspector"]


async def inspect(user: User, *arguments: str) -> Ran:
    command = await asyncio.to_thread(inspector)
    # Its secrets have no other place to go to, and it says so at length.
    return await user.run([*command, *arguments], MCP_INSPECTOR_SECRET_STORE="memory")


async def documented(user: User, command: Sequence[str]) -> Ran:
    assert list(command[:2]) == NPX
    return (await inspect(user, *command[2:])).worked()


async def test_the_commands_of_the_documentation_list_the_tools_and_call_one(user: User) -> None:
    lists, calls = commands("MCP Inspector")
    async with ScriptedModel([Text("hello")]) as model:
        user.reach(model)
        listed = json.loads((await documented(user, lists)).out)
        called = json.loads((await documented(user, calls)).out)
    assert [tool["name"] for tool in listed["tools"]] == ["codex", "codex-reply"]
    assert called["structuredContent"]["content"] == "hello"
    assert not called.get("isError")


@pytest.mark.parametrize("tools", ["codex", "runs"])
async def test_it_finds_no_error_in_the_tools_schemas(user: User, tools: str) -> None:
    server = ["--cli", "codexmcp", "mcp-server", f"--tools={tools}"]
    checked = (await inspect(user, *server, "--method", "tools/list", "--strict")).worked()
    assert "Error" not in checked.err
    assert all("outputSchema" in tool for tool in json.loads(checked.out)["tools"])


async def test_it_takes_an_answer_of_a_run_tool(user: User) -> None:
    server = ["--cli", "codexmcp", "mcp-server", "--tools=runs"]
    call = ["--method", "tools/call", "--tool-name", "codex_runs"]
    called = (await inspect(user, *server, *call)).worked()
    assert json.loads(called.out)["structuredContent"] == {"runs": []}


async def test_it_works_by_the_configuration_for_cursor(user: User) -> None:
    file = user.folder / "mcp.json"
    file.write_text(block("Cursor", "json"))
    server = ["--cli", "--config", str(file), "--server", "codex"]
    call = ["--method", "tools/call", "--tool-name", "codex", "--tool-arg", "prompt=x"]
    async with ScriptedModel([Text("hello")]) as model:
        user.reach(model)
        called = (await inspect(user, *server, *call)).worked()
    assert json.loads(called.out)["structuredContent"]["content"] == "hello"


async def test_a_wrong_argument_is_an_error_of_the_tool(user: User) -> None:
    server = ["--cli", "codexmcp", "mcp-server", "--method", "tools/call", "--tool-name", "codex"]
    called = await inspect(user, *server, "--tool-arg", "prompt=x", "timeout=0")
    assert called.code == 5
    assert "`timeout` must be more than 0 seconds" in called.out


@pytest.mark.parametrize("era", ["modern", "auto", "legacy"])
async def test_it_polls_the_task_of_a_run_unless_the_version_has_none(user: User, era: str) -> None:
    server = ["--cli", "codexmcp", "mcp-server", "--shared", "--protocol-era", era]
    call = ["--method", "tools/call", "--tool-name", "codex_run", "--tool-arg", "prompt=x"]
    async with ScriptedModel([Text("hello")]) as model:
        user.reach(model)
        called = (await inspect(user, *server, *call)).worked()
        await user.run(["codexmcp", "serve", "--stop"])
    run = json.loads(called.out)["structuredContent"]
    assert (run["status"] == "completed") is (era != "legacy")
    assert run.get("message") == (None if era == "legacy" else "hello")
