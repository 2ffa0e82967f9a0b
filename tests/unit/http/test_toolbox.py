from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from codexmcp.errors import UsageError
from codexmcp.http.toolbox import Toolbox
from codexmcp.mcp_tools import INTEGER, READS, record
from codexmcp.policy.arguments import ArgumentsError
from codexmcp.workspace.tool import Scope, WorkspaceTool

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


ANSWER = record({"n": INTEGER})


async def double(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"n": arguments["n"] * 2, "ä": "\u2028"}


def box() -> Toolbox:
    tools = [
        WorkspaceTool("double", "Double.", SCHEMA, Scope.READ, double, "Double", ANSWER, READS),
        WorkspaceTool("other", "Double.", SCHEMA, Scope.WRITE, double, "Other", ANSWER, READS),
    ]
    return Toolbox(tools, None)


def call(name: str, arguments: object) -> dict[str, Any]:
    return asyncio.run(box().call(name, arguments, lambda _text: None))


def test_a_result_is_told_as_text_and_as_fields() -> None:
    assert call("double", {"n": 2}) == {
        "content": [{"type": "text", "text": '{"n":4,"ä":"\u2028"}'}],
        "structuredContent": {"n": 4, "ä": "\u2028"},
    }


@pytest.mark.parametrize("arguments", [None, {}, {"n": "2"}, {"n": 2, "m": 3}, [2], {"n": None}])
def test_arguments_that_do_not_fit_never_reach_the_tool(arguments: object) -> None:
    with pytest.raises(ArgumentsError, match=r"^double: "):
        call("double", arguments)


def test_a_tool_that_there_is_not_is_named_in_short() -> None:
    with pytest.raises(UsageError, match=r"there is no tool 'x{80}'"):
        call("x" * 1000, {})


def test_only_the_tools_of_a_scope_are_listed() -> None:
    toolbox = box()
    assert [each["name"] for each in toolbox.definitions({Scope.WRITE})] == ["other"]
    assert [each["name"] for each in toolbox.definitions(set(Scope))] == ["double", "other"]
    assert toolbox.definitions(set()) == []
    assert toolbox.scope_of("double") is Scope.READ
    assert toolbox.scope_of("none") is None
    assert toolbox.schema_of("double") == SCHEMA
    assert toolbox.definitions({Scope.READ}) == [
        {
            "name": "double",
            "title": "Double",
            "description": "Double.",
            "inputSchema": SCHEMA,
            "outputSchema": ANSWER,
            "annotations": READS,
        }
    ]
