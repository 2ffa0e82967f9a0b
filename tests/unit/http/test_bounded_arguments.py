"""Every argument of every tool, and texts, arrays and objects that are too large for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codexmcp.policy.argument_check import ArgumentCheck
from codexmcp.policy.arguments import (
    LONGEST_NAME,
    ArgumentsError,
    parse_codex_arguments,
    parse_reply_arguments,
)
from codexmcp.policy.schema_check import MAX_ENTRIES
from codexmcp.policy.schema_check import check as check_schema
from codexmcp.server.run_tools.arguments import check
from codexmcp.server.run_tools.definitions import MAX_LENGTHS, run_tool_definitions
from codexmcp.server.tools import tool_definitions
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio_tools import portfolio_tools

Check = Callable[[object], object]

_ROOTS = Roots.parse(str(Path(__file__).parent), Path("/"))
_WORKSPACE = (
    *portfolio_tools(Path("/nowhere")),
    *file_tools(_ROOTS),
    *git_tools(_ROOTS, GitPolicy({})),
    *extension_tools(None, {}),
)
_CODEX: dict[str, Check] = {
    "codex": lambda given: parse_codex_arguments(given, strict=False),
    "codex-reply": lambda given: parse_reply_arguments(given, strict=False),
}
_LONG = {"prompt", "base-instructions", "developer-instructions", "compact-prompt"}
"""Texts of the removed server's tools, bounded by the size of a message alone."""


def _tools() -> Iterator[tuple[str, dict[str, Any], Check]]:
    for tool in _WORKSPACE:
        yield tool.name, dict(tool.schema), ArgumentCheck(tool.name, tool.schema).checked
    for each in run_tool_definitions():
        name = each["name"]
        yield name, each["inputSchema"], functools.partial(check, name)
    for each in tool_definitions(strict=False):
        yield each["name"], each["inputSchema"], _CODEX[each["name"]]


def _too_large() -> Iterator[Any]:
    for tool, schema, checked in _tools():
        least = dict.fromkeys(schema.get("required", ()), "00000000-0000-4000-8000-000000000000")
        for name, field in schema["properties"].items():
            if field.get("type") == "string" and not (tool in _CODEX and name in _LONG):
                most = field.get("maxLength", MAX_LENGTHS.get(name, LONGEST_NAME))
                given = {**least, name: "a" * (most + 1)}
                yield pytest.param(checked, given, name, id=f"{tool}: {name}")
            if field.get("type") == "array":
                most = field.get("maxItems", 100)
                many = {**least, name: ["a"] * (most + 1)}
                yield pytest.param(checked, many, name, id=f"{tool}: entries of {name}")
                long = {**least, name: ["a" * (LONGEST_NAME + 1)]}
                yield pytest.param(checked, long, name, id=f"{tool}: a text in {name}")
        if schema.get("additionalProperties") is False:
            more = {**least, **{f"k{number}": 1 for number in range(20_000)}}
            yield pytest.param(checked, more, "k0", id=f"{tool}: names")


@pytest.mark.parametrize(("checked", "given", "name"), [*_too_large()])
def test_no_argument_is_longer_than_anybody_needs(
    checked: Check, given: dict[str, Any], name: str
) -> None:
    with pytest.raises(ArgumentsError) as refused:
        checked(given)
    told = str(refused.value)
    # The removed server repeats a variant that it does not know.
    if "unknown variant" not in told:
        assert name in told or "characters, expected" in told or "images" in told
        assert len(told) < LONGEST_NAME


def test_as_many_as_are_allowed_pass() -> None:
    arguments = {"prompt": "a" * MAX_LENGTHS["prompt"], "images": ["a" * LONGEST_NAME] * 100}
    assert check("codex_run", arguments) == arguments


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"enum": [0] * MAX_ENTRIES}, id="values"),
        pytest.param({"allOf": [{}] * MAX_ENTRIES}, id="schemas"),
        pytest.param({"properties": {f"k{n}": {} for n in range(MAX_ENTRIES)}}, id="properties"),
    ],
)
def test_a_schema_that_takes_seconds_to_check_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError, match="more than 10,000 values"):
        check_schema({"type": "object", **part})
