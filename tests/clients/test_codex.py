"""Codex as the client: an outer Codex, whose model calls an inner one through our server."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from codexmcp.testing import MCPCall, Request, ScriptedModel, Step, Text
from tests.clients.page import block, commands
from tests.clients.user import User
from tests.support.model_steps import LIST_TOOLS

EXEC = ["codex", "exec", "--skip-git-repo-check", "--json", "outer prompt"]


async def items_of(user: User) -> list[dict[str, Any]]:
    """Run the outer Codex and return the items of its turn."""
    ran = (await user.run(EXEC)).worked()
    events = [json.loads(line) for line in ran.out.splitlines()]
    return [event["item"] for event in events if event["type"] == "item.completed"]


def printed(request: Request) -> Any:
    """Return the JSON that the latest script has printed."""
    return json.loads(request.turn.steps[-1]["output"][-1]["text"])


def mcp_tools(request: Request) -> list[str]:
    """Return the tools of MCP servers among those that the latest script has listed."""
    names: list[str] = printed(request)
    assert "exec_command" in names
    return [name for name in names if name.startswith("mcp__")]


async def test_the_command_of_the_documentation_adds_the_server(user: User) -> None:
    (add,) = commands("Codex itself")
    async with ScriptedModel() as model:
        user.reach(model)
        (await user.run(add)).worked()
        got = (await user.run(["codex", "mcp", "get", "worker", "--json"])).worked()
    transport = json.loads(got.out)["transport"]
    documented = tomllib.loads(block("Codex itself", "toml"))["mcp_servers"]["worker"]
    for server in (transport, documented):
        assert [server["command"], *server["args"]] == add[add.index("--") + 1 :]


async def test_a_turn_hands_work_to_an_inner_codex_and_goes_on_with_it(user: User) -> None:
    script: list[Step] = [
        LIST_TOOLS,
        MCPCall("worker", "codex", {"prompt": "inner prompt"}),
        LIST_TOOLS,
        Text("inner answer"),
        continues,
        Text("second inner answer"),
        Text("outer answer"),
    ]
    async with ScriptedModel(script) as model:
        user.reach(model)
        with (user.codex_home / "config.toml").open("a") as config:
            config.write(block("Codex itself", "toml"))
        *_, first, second, said = await items_of(user)
        _, outer, inner, listed, _, inner_again, _ = model.requests
    # Codex has no hyphens in the names that it shows to a model.
    assert mcp_tools(outer) == ["mcp__worker__codex", "mcp__worker__codex_reply"]
    assert inner.turn.prompt == "inner prompt"
    assert mcp_tools(listed) == []
    assert inner_again.turn.prompt == "more"
    assert answer_of(first) == "inner answer"
    assert answer_of(second) == "second inner answer"
    assert said["text"] == "outer answer"


def continues(request: Request) -> MCPCall:
    """Call the tool once more, with the thread that its first answer names."""
    thread_id = printed(request)["structuredContent"]["threadId"]
    return MCPCall("worker", "codex_reply", {"prompt": "more", "threadId": thread_id})


def answer_of(call: dict[str, Any]) -> str:
    """Return what a call of the worker has answered."""
    assert call["status"] == "completed", call
    return str(call["result"]["structured_content"]["content"])


async def test_codex_refuses_the_call_without_the_approval(user: User) -> None:
    script: list[Step] = [
        MCPCall("worker", "codex", {"prompt": "inner prompt"}),
        Text("outer answer"),
    ]
    async with ScriptedModel(script) as model:
        user.reach(model)
        (add,) = commands("Codex itself")
        (await user.run(add)).worked()
        *_, called, _ = await items_of(user)
    assert called["status"] == "failed"
    assert "requires approval" in called["error"]["message"]
