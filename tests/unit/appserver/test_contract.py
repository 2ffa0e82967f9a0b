from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from codexmcp.appserver.answers import Question
from codexmcp.appserver.contract import FILE, contract, read_contract, unknown_name, write_contract
from codexmcp.appserver.events import parse_event
from codexmcp.appserver.launch import DELTAS
from codexmcp.appserver.schema import steps
from codexmcp.server import codex_agents, codex_events, codex_items
from tests.support.sources import nodes_below, nodes_with

REMEDY = "use it, and write the contract anew: `uv run python -m scripts.contract`"

WIRE = (
    "api/events.py",
    "api/stream.py",
    "appserver/",
    "codex/",
    "home/mcp_codex.py",
    "home/skills/codex_view.py",
    "policy/conversations.py",
    "runs/endings.py",
    "runs/execution.py",
    "runs/goals.py",
    "runs/recovery.py",
    "server/call.py",
    "server/codex_",
    "server/questions.py",
)
"""The modules that read messages of app-server."""

OF_OTHERS = {
    "ThreadItem": "a definition in the schema",
    "additionalProperties": "a keyword of JSON Schema",
    "enumNames": "a keyword of a form",
    "isError": "a field of an MCP result, in the old form",
    "oneOf": "a keyword of JSON Schema",
    "progressToken": "a field of MCP",
    "revisedPrompt": "an item without an event, shown if there is one",
    "savedPath": "as above",
}
"""Names in these modules that are no fields of the contract, with the reason."""

METHODS_OF_OTHERS = {
    *("elicitation/create", "notifications/cancelled", "notifications/progress", "codex/event"),
    *("connection/lost", "tool/finished"),
    *("application/json", "run/codexmcp"),
}
"""Methods of MCP, events of our own, and what only looks like a method."""

FIELDS = {
    step
    for uses in contract().uses.values()
    for use in uses.values()
    for path in (*use.sends, *use.reads)
    for step in steps(path)
}


def calls() -> Iterator[tuple[str, str, list[str]]]:
    """Yield place, method and constant fields of the calls of app-server."""
    for path, node in nodes_with(".call("):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        names = strings(node.args[:1])
        if node.func.attr == "call" and names:
            keys = node.args[1].keys if isinstance(node.args[1], ast.Dict) else []
            yield f"{path}:{node.lineno}", names[0], strings(keys)


def strings(nodes: Iterable[ast.expr | None]) -> list[str]:
    """Return the constant strings among some expressions."""
    values = (each.value for each in nodes if isinstance(each, ast.Constant))
    return [each for each in values if isinstance(each, str)]


def read_names(node: ast.AST) -> list[str]:
    """Return the constant names by which a node reads fields."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Subscript):
        given = [node.slice]
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = node.args if name in {"get", "dig"} else []
    return strings(given)


def test_every_method_that_the_code_calls_is_in_the_contract() -> None:
    found = list(calls())
    assert len(found) > 15
    requests = contract().uses["requests"]
    assert [each for each in found if each[1] not in requests] == [], REMEDY


def test_every_field_in_a_call_is_in_the_contract() -> None:
    requests = contract().uses["requests"]
    astray = [
        (place, key)
        for place, method, keys in calls()
        for key in keys
        if key not in requests[method].sends
    ]
    assert astray == [], REMEDY


def test_every_field_that_the_code_reads_is_in_the_contract() -> None:
    """Names of ours are in snake case, so those in camel case are of app-server."""
    names = {
        name: f"{path}:{getattr(node, 'lineno', 0)}"
        for path, node in nodes_below(*WIRE)
        for name in read_names(node)
        if re.search("[a-z][A-Z]", name)
    }
    assert len(names) > 30
    assert {n: place for n, place in names.items() if n not in FIELDS | OF_OTHERS.keys()} == {}


def test_every_method_that_the_code_names_is_in_the_contract() -> None:
    known = METHODS_OF_OTHERS.union(*map(contract().known, contract().uses))
    named = {
        node.value: f"{path}:{node.lineno}"
        for path, node in nodes_below(*WIRE)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"[a-z]+[A-Z]?\w*(/[a-z]\w+)+", node.value)
    }
    assert len(named) > 30
    assert {name: place for name, place in named.items() if name not in known} == {}, REMEDY


def test_everything_that_is_translated_is_in_the_contract_and_not_listed_as_untranslated() -> None:
    for kind, translated in (
        ("notifications", codex_events.TRANSLATED | set(DELTAS)),
        ("items", codex_items.ITEM_TYPES | codex_agents.ITEM_TYPES),
        ("questions", frozenset(map(str, Question))),
    ):
        listed = {name for names in contract().untranslated[kind].values() for name in names}
        assert translated - contract().uses[kind].keys() == set(), kind
        assert translated & listed == set(), kind


def test_a_contract_that_is_read_is_written_unchanged() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert write_contract(read_contract(text)) == text


def test_only_names_outside_of_the_contract_are_unknown() -> None:
    def named(method: str, **params: object) -> str:
        return unknown_name(parse_event(method, params))

    assert named("turn/started") == named("thread/archived") == named("connection/lost") == ""
    assert named("item/started", item={"type": "plan"}) == ""
    assert named("item/started", item={"type": "aNew"}) == "item aNew"
    assert named("item/completed", item={"type": "aNew"}) == ""
    assert named("a/new") == "notification a/new"
