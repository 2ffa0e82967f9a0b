"""How a request is read: its role, its tools, its latest turn."""

from __future__ import annotations

from typing import Any

from codexmcp.rehearsal.conversation import (
    Role,
    Surface,
    latest_turn,
    role_of,
    surface_of,
    text_of,
    tools_of,
)


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name}


def user(*texts: str) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": "user", "content": parts}


def as_codex(*items: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [function("exec_command")], "input": list(items)}


SKILL = "<skill>\n<name>smoke</name>\n<path>/h/skills/smoke/SKILL.md</path>\n---\n# Smoke\n</skill>"
CALL = {"type": "function_call", "call_id": "c1", "name": "exec_command", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}


def test_a_codex_tool_makes_an_agent() -> None:
    assert role_of({"tools": [function("codex")]}) is Role.AGENT
    assert role_of({"tools": [function("codex-reply")]}) is Role.AGENT


def test_a_shell_makes_codex_even_beside_a_codex_tool() -> None:
    assert role_of({"tools": [function("exec_command"), function("codex")]}) is Role.CODEX
    assert role_of({"tools": [{"type": "custom", "name": "exec"}]}) is Role.CODEX


def test_a_request_without_tools_counts_as_codex() -> None:
    assert role_of({}) is Role.CODEX


def test_an_mcp_servers_codex_tool_in_a_namespace_makes_no_agent() -> None:
    namespace = {"type": "namespace", "name": "mcp__codexmcp", "tools": [function("codex")]}
    assert role_of({"tools": [namespace]}) is Role.CODEX


def test_tools_are_found_in_the_input_of_catalogue_models() -> None:
    functions = {"type": "namespace", "name": "functions", "tools": [function("exec")]}
    other = {"type": "namespace", "name": "collaboration", "tools": [function("spawn_agent")]}
    item = {"type": "additional_tools", "role": "developer", "tools": [functions, other]}
    assert [tool["name"] for tool in tools_of({"input": [item]})] == ["exec"]


def test_the_surface_is_told_by_the_tool_that_runs_commands() -> None:
    assert surface_of({"tools": [{"type": "custom", "name": "exec"}]}) is Surface.CODE_MODE
    assert surface_of({"tools": [function("exec_command")]}) is Surface.PLAIN
    assert surface_of({"tools": [function("codex")]}) is None
    assert surface_of({}) is None


def agent_message(kind: str, *parts: dict[str, Any]) -> dict[str, Any]:
    head = f"Message Type: {kind}\nTask name: /root/a\nSender: /root\nPayload:\n"
    content = [{"type": "input_text", "text": head}, *parts]
    return {"type": "agent_message", "author": "/root", "recipient": "/root/a", "content": content}


def test_the_prompt_of_a_sub_agent_is_the_task_that_it_was_given() -> None:
    task = agent_message("NEW_TASK", {"type": "encrypted_content", "encrypted_content": "do it"})
    turn = latest_turn(as_codex(user("<environment_context>y"), task, CALL, OUTPUT))
    assert (turn.prompt, turn.steps) == ("do it", (CALL, OUTPUT))
    assert latest_turn(as_codex(user("inherited"), task)).prompt == "do it"


def test_the_answer_of_a_sub_agent_begins_no_turn() -> None:
    answer = agent_message("FINAL_ANSWER", {"type": "input_text", "text": "done"})
    turn = latest_turn(as_codex(user("go"), CALL, OUTPUT, answer))
    assert (turn.prompt, turn.steps) == ("go", (CALL, OUTPUT))


def test_a_plain_string_is_the_prompt() -> None:
    assert latest_turn({"input": "hello"}).prompt == "hello"


def test_injected_context_is_no_prompt() -> None:
    turn = latest_turn(
        as_codex(
            user("# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>`x`", "<environment_context>y"),
            user("do it"),
            user("<turn_aborted>\nstopped</turn_aborted>"),
        )
    )
    assert turn.prompt == "do it"


def test_an_agents_prompt_is_taken_as_it_is() -> None:
    prompt = "<environment_context> is what I ask about"
    body = {"tools": [function("codex")], "input": [{"role": "user", "content": prompt}]}
    assert latest_turn(body).prompt == prompt


def test_a_prompt_that_looks_like_markup_is_still_a_prompt() -> None:
    assert latest_turn(as_codex(user("<task>run it</task>"))).prompt == "<task>run it</task>"


def test_only_the_latest_turn_counts() -> None:
    turn = latest_turn(as_codex(user("old"), user(SKILL), CALL, OUTPUT, user("new")))
    assert (turn.prompt, turn.skills, turn.steps) == ("new", (), ())


def test_the_steps_of_the_latest_turn_are_its_calls_and_outputs() -> None:
    said = {"type": "message", "role": "assistant", "content": []}
    assert latest_turn(as_codex(user("go"), said, CALL, OUTPUT)).steps == (CALL, OUTPUT)


def test_a_skill_carries_its_name_folder_and_text() -> None:
    (skill,) = latest_turn(as_codex(user("use $smoke"), user(SKILL))).skills
    assert (skill.name, str(skill.folder)) == ("smoke", "/h/skills/smoke")
    assert skill.text == "---\n# Smoke"


def test_text_is_gathered_from_every_shape_of_content() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image"}, {"text": "b"}]
    assert text_of(parts) == "a\nb"
    assert text_of({"type": "text", "text": "a"}) == "a"
    assert text_of("a") == "a"
    assert text_of(None) == ""
