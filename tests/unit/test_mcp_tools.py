"""Every tool of ours tells clients its title, its effects and the shape of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from codexmcp.server.run_tools.definitions import run_tool_definitions
from scripts.reference.tools import workspace_tools

TOOLS = [*run_tool_definitions(), *(tool.definition() for tool in workspace_tools())]
READING = {
    "codex_wait",
    "codex_result",
    "codex_active_runs",
    "codex_runs",
    "codex_approvals",
    "codex_wrapper_check",
    "list_portfolio_files",
    "read_portfolio_file",
    "agentOS_fs_list",
    "agentOS_fs_read",
    "agentOS_fs_search",
}
ADDING = {"agentOS_git_commit"}
LOCAL = READING | {
    "codex_interrupt",
    "agentOS_fs_write",
    "agentOS_fs_replace",
    "agentOS_git_commit",
}
LONGEST_TITLE = 25


def objects(schema: object) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and everything in it that is an object."""
    if isinstance(schema, dict):
        yield schema
    if isinstance(schema, dict | list):
        for each in schema.values() if isinstance(schema, dict) else schema:
            yield from objects(each)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["name"])
def test_a_tool_has_a_title_and_an_open_schema_of_its_answers(tool: Mapping[str, Any]) -> None:
    assert 0 < len(tool["title"]) <= LONGEST_TITLE
    answer = tool["outputSchema"]
    Draft202012Validator.check_schema(answer)
    assert answer["type"] == "object"
    assert any(each.get("required") for each in objects(answer))
    assert all(each.get("additionalProperties") is not False for each in objects(answer))
    # Ajv, the validator of many clients, refuses unknown formats in its strict mode.
    assert not any("format" in each for each in objects(answer))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["name"])
def test_the_effects_of_a_tool_are_told(tool: Mapping[str, Any]) -> None:
    name, hints = tool["name"], tool["annotations"]
    assert hints["readOnlyHint"] is (name in READING)
    assert hints["openWorldHint"] is (name not in LOCAL)
    if name in READING:
        assert {*hints} == {"readOnlyHint", "openWorldHint"}
    else:
        assert hints["destructiveHint"] is (name not in ADDING)
        assert isinstance(hints["idempotentHint"], bool)
