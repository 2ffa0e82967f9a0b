"""Codex as the client: an outer Codex, whose model calls an inner one through our server."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from codexmcp.testing import Nonsense, Request, ScriptedModel, Step, Text
from tests.clients.page import block, commands
from tests.clients.script import tool_call
from tests.clients.user import User

EXEC = ["codex", "exec", "--skip-git-repo-check", "--json", "outer prompt"]


async def items_of(user: User) -> list[dict[str, Any]]:
    """Run the outer Codex and return the items of its turn."""
    ran = (await user.run(EXEC)).worked()
    events = [json.loads(line) for line in ran.out.splitlines()]
    return [event["item"] for event in events if event["type"] == "item.completed"]


def tools_of(request: Request) -> dict[str, list[str]]:
    """Return the tools of MCP servers that a model was offered, by namespace."""
    return {
        tool["name"]: [inner["name"] for inner in tool["tools"]]
        for tool in request.body["tools"]
        if tool["type"] == "namespace" and tool["name"].startswith("mcp__")
    }


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
        tool_call("worker", "codex", prompt="inner prompt"),
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
        outer, inner, _, inner_again, _ = model.requests
    # Codex has no hyphens in the names that it shows to a model.
    assert tools_of(outer) == {"mcp__worker": ["codex", "codex_reply"]}
    assert inner.turn.prompt == "inner prompt"
    assert tools_of(inner) == {}
    assert inner_again.turn.prompt == "more"
    assert answer_of(first) == "inner answer"
    assert answer_of(second) == "second inner answer"
    assert said["text"] == "outer answer"


def continues(request: Request) -> Nonsense:
    """Call the tool once more, with the thread that its first answer names."""
    answer = json.loads(request.turn.steps[-1]["output"].partition("Output:\n")[2])
    return tool_call("worker", "codex_reply", prompt="more", threadId=answer["threadId"])


def answer_of(call: dict[str, Any]) -> str:
    """Return what a call of the worker has answered."""
    assert call["status"] == "completed", call
    return str(call["result"]["structured_content"]["content"])


async def test_codex_refuses_the_call_without_the_approval(user: User) -> None:
    script: list[Step] = [
        tool_call("worker", "codex", prompt="inner prompt"),
        Text("outer answer"),
    ]
    async with ScriptedModel(script) as model:
        user.reach(model)
        (add,) = commands("Codex itself")
        (await user.run(add)).worked()
        *_, called, _ = await items_of(user)
    assert called["status"] == "failed"
    assert "requires approval" in called["error"]["message"]
