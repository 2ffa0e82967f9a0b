"""Check of the structured answers that tests see against the schemas of `tools/list`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.server.tools import tool_definitions
from scripts.reference.tools import workspace_tools


@cache
def all_definitions() -> Mapping[str, Mapping[str, Any]]:
    """Return the definitions of all tools, by name."""
    listed = [
        *tool_definitions(strict=False),
        *run_tool_definitions(),
        *(tool.definition() for tool in workspace_tools()),
    ]
    return {each["name"]: each for each in listed}


def check_result(name: str, result: Mapping[str, Any]) -> None:
    """Fail when the structured answer in a result of `tools/call` does not fit; errors included.

    Args:
        name: The tool. A tool of a test alone is not checked.
        result: The result; also a task, or a result without a structured answer.
    """
    if "structuredContent" in result and name in all_definitions():
        fitting(name, result["structuredContent"])
    elif result.get("resultType", "complete") == "complete" and not result.get("isError"):
        assert name not in all_definitions(), f"{name} promised a structured answer: {result}"


def fitting(name: str, answer: Any) -> Any:
    """Return the structured answer of a tool; fail for an answer that does not fit.

    Fields without a place in the schema do not fit, either, although the schema is open.
    """
    _validator(name).validate(answer)
    return answer


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(_closed(all_definitions()[name]["outputSchema"]))


def _closed(schema: Any) -> Any:
    """Return a schema without places for further fields."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {**closed, "unevaluatedProperties": False} if "required" in schema else closed
