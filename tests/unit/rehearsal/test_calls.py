"""What the calls of a script become in code mode and with plain tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codexmcp.rehearsal.calls import (
    Call,
    CreateGoal,
    MCPCall,
    Script,
    ShellCall,
    Spawn,
    WaitForAgents,
    item_of,
)
from codexmcp.rehearsal.responses import CustomToolCall, FunctionCall

CODE_MODE: dict[str, Any] = {"tools": [{"type": "custom", "name": "exec"}]}
PLAIN: dict[str, Any] = {"tools": [{"type": "function", "name": "exec_command"}]}
SPAWNED = {"type": "function_call_output", "call_id": "c", "output": '{"agent_id": "t-1"}'}


def in_code_mode(call: Call) -> FunctionCall | CustomToolCall:
    return item_of(call, CODE_MODE)


def with_plain_tools(call: Call, *steps: dict[str, Any]) -> FunctionCall:
    item = item_of(call, {**PLAIN, "input": [{"role": "user", "content": "go"}, *steps]})
    assert isinstance(item, FunctionCall)
    return item


def test_a_command_is_run_from_a_script_or_by_the_plain_tool() -> None:
    item = in_code_mode(ShellCall("ls"))
    assert isinstance(item, CustomToolCall)
    assert 'tools.exec_command({cmd: "ls"' in item.input
    plain = with_plain_tools(ShellCall("ls"))
    assert (plain.name, plain.arguments["cmd"]) == ("exec_command", "ls")


def test_a_command_takes_further_arguments_of_its_tool() -> None:
    call = ShellCall("ls", {"yield_time_ms": 250, "justification": "why"})
    item = in_code_mode(call)
    assert isinstance(item, CustomToolCall)
    assert '{cmd: "ls", ...{"yield_time_ms": 250, "justification": "why"}}' in item.input
    expected = {"cmd": "ls", "yield_time_ms": 250, "justification": "why"}
    assert with_plain_tools(call).arguments == expected


def test_a_tool_of_an_mcp_server_has_a_namespace_with_plain_tools_alone() -> None:
    call = MCPCall("files", "list", {"path": "."})
    source = 'text(JSON.stringify(await tools.mcp__files__list({"path": "."})));'
    assert in_code_mode(call) == CustomToolCall("exec", source)
    plain = FunctionCall("list", {"path": "."}, namespace="mcp__files")
    assert with_plain_tools(call) == plain


def test_a_script_is_passed_as_it_is_and_needs_code_mode() -> None:
    assert in_code_mode(Script("text(1)")) == CustomToolCall("exec", "text(1)")
    with pytest.raises(ValueError, match="needs the tool `exec`"):
        item_of(Script("text(1)"), PLAIN)


def test_a_sub_agent_has_a_name_in_code_mode_alone() -> None:
    assert in_code_mode(Spawn("a", "go")) == FunctionCall(
        "spawn_agent",
        {"task_name": "a", "message": "go", "fork_turns": "none"},
        namespace="collaboration",
    )
    assert with_plain_tools(Spawn("a", "go", fork=True)) == FunctionCall(
        "spawn_agent", {"message": "go", "fork_context": True}, namespace="multi_agent_v1"
    )


def test_waiting_names_the_spawned_agents_with_plain_tools_alone() -> None:
    assert in_code_mode(WaitForAgents(20_000)) == FunctionCall(
        "wait_agent", {"timeout_ms": 20_000}, namespace="collaboration"
    )
    assert with_plain_tools(WaitForAgents(), SPAWNED) == FunctionCall(
        "wait_agent", {"timeout_ms": 10_000, "targets": ["t-1"]}, namespace="multi_agent_v1"
    )


@pytest.mark.parametrize(
    ("goal", "arguments"),
    [
        (CreateGoal("win"), {"objective": "win"}),
        (CreateGoal("win", token_budget=5), {"objective": "win", "token_budget": 5}),
    ],
)
def test_a_goal_is_created_by_a_script_or_by_the_plain_tool(
    goal: CreateGoal, arguments: dict[str, Any]
) -> None:
    item = in_code_mode(goal)
    assert isinstance(item, CustomToolCall)
    assert f"tools.create_goal({json.dumps(arguments)})" in item.input
    assert with_plain_tools(goal) == FunctionCall("create_goal", arguments)
