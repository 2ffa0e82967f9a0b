"""Scripts for sub-agents, and the tools that a scripted model insists on."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from codexmcp.testing import (
    Calls,
    Script,
    ScriptedModel,
    ShellCall,
    Surface,
    Text,
    Usage,
    WrongSurfaceError,
)

CODE_MODE: dict[str, Any] = {"tools": [{"type": "custom", "name": "exec"}], "input": "go"}
PLAIN: dict[str, Any] = {"tools": [{"type": "function", "name": "exec_command"}], "input": "go"}


async def ask(model: ScriptedModel, body: dict[str, Any], agent: str = "/root") -> httpx.Response:
    metadata = {"agent_name": agent, "subagent_kind": "thread_spawn"}
    headers = {"x-codex-turn-metadata": json.dumps(metadata)} if agent != "/root" else {}
    async with httpx.AsyncClient(base_url=model.base_url, timeout=10.0) as client:
        return await client.post("/responses", json=body, headers=headers)


def said(response: httpx.Response) -> str:
    return str(response.json()["output"][0]["content"][0]["text"])


async def test_each_sub_agent_follows_its_own_script_whatever_the_order() -> None:
    children = {"/root/a": [Text("a1"), Text("a2")], "/root/b": [Text("b1")]}
    async with ScriptedModel([Text("r1"), Text("r2")], children=children) as model:
        model.add(Text("b2"), role="/root/b")
        order = ["/root/b", "/root", "/root/a", "/root/b", "/root/a"]
        answers = [said(await ask(model, CODE_MODE, agent)) for agent in order]
        assert answers == ["b1", "r1", "a1", "b2", "a2"]
        assert (model.remaining(), model.remaining("/root/a")) == (1, 0)
        assert (await ask(model, CODE_MODE, "/root/a")).status_code == 500
        assert [request.agent for request in model.unexpected] == ["/root/a"]


async def test_a_sub_agent_without_a_script_takes_the_steps_of_codex() -> None:
    async with ScriptedModel([Text("shared")]) as model:
        assert said(await ask(model, CODE_MODE, "/root/a")) == "shared"


async def test_one_answer_holds_several_calls_and_its_tokens() -> None:
    calls = Calls((Script("text(1)"), ShellCall("ls")), Usage(100, 10))
    async with ScriptedModel([calls]) as model:
        body = (await ask(model, CODE_MODE)).json()
    assert [item["name"] for item in body["output"]] == ["exec", "exec"]
    assert body["usage"]["total_tokens"] == 110


async def test_a_script_for_plain_tools_fails_its_request() -> None:
    async with ScriptedModel([Script("text(1)")], surface=None) as model:
        response = await ask(model, PLAIN)
    assert response.status_code == 500
    assert "needs the tool `exec`" in response.json()["error"]["message"]


async def use(model: ScriptedModel, body: dict[str, Any], error: Exception | None = None) -> None:
    """Send a request within a model's block, and end the block as told."""
    async with model:
        response = await ask(model, body)
        assert response.status_code == 400
        assert "to the model 'llama'" in response.json()["error"]["message"]
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (ScriptedModel([Text("never said")]), PLAIN),
        (ScriptedModel([Text("never said")], surface=Surface.CODE_MODE), PLAIN),
        (ScriptedModel([Text("never said")], surface=Surface.PLAIN), CODE_MODE),
    ],
)
async def test_a_request_with_other_tools_is_refused_and_fails_the_block(
    model: ScriptedModel, body: dict[str, Any]
) -> None:
    with pytest.raises(WrongSurfaceError, match="and Codex offered"):
        await use(model, {**body, "model": "llama"})
    assert model.remaining() == 1


async def test_an_error_in_the_block_is_not_hidden_by_the_wrong_tools() -> None:
    with pytest.raises(LookupError):
        await use(ScriptedModel(), {**PLAIN, "model": "llama"}, LookupError())


async def test_code_mode_and_a_request_without_tools_are_taken_by_default() -> None:
    async with ScriptedModel([Text("a"), ShellCall("ls")]) as model:
        assert said(await ask(model, {"input": "go"})) == "a"
        (item,) = (await ask(model, CODE_MODE)).json()["output"]
    assert (item["type"], item["name"]) == ("custom_tool_call", "exec")
