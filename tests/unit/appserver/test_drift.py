from __future__ import annotations

from typing import Any

import pytest

from codexmcp.appserver.contract import IN_SOME, Contract, Use
from codexmcp.appserver.drift import Difference, Kind, schema_differences, value_differences
from codexmcp.appserver.schema import Schema

REQUIRED = {"type": "string"}


def types(**fields: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(text.split(" | ")) for name, text in fields.items()}


def schema(params: dict[str, Any], answer: dict[str, Any], *, required: tuple[str, ...]) -> Schema:
    """Return a schema with one request and one item."""
    request = {
        "method": {"enum": ["a/b"]},
        "params": {"$ref": "#/definitions/v2/BParams"},
    }
    item = {"type": "object", "properties": {"type": {"enum": ["one"]}}}
    v2 = {
        "BParams": {"type": "object", "properties": params, "required": list(required)},
        "BResponse": {"type": "object", "properties": answer, "required": list(answer)},
        "ThreadItem": {"oneOf": [item]},
    }
    return Schema(
        {"definitions": {"ClientRequest": {"oneOf": [{"properties": request}]}, "v2": v2}}
    )


def contract(sends: dict[str, frozenset[str]], reads: dict[str, frozenset[str]]) -> Contract:
    nothing: dict[str, Use] = {}
    uses = {"requests": {"a/b": Use(sends, reads)}, "items": {"one": Use({}, {})}}
    return Contract(("1",), {"questions": nothing, "notifications": nothing, **uses}, {})


STATUS = {"enum": ["done", "failed"], "type": "string"}
SENDS, READS = types(mode="string"), types(status="'done' | 'failed'")


@pytest.mark.parametrize(
    ("params", "answer", "required", "expected"),
    [
        ({"mode": REQUIRED}, {"status": STATUS}, (), []),
        ({}, {"status": STATUS}, (), ["break: a/b mode: this build takes no such field"]),
        (
            {"mode": {"type": "object"}},
            {"status": STATUS},
            (),
            ["break: a/b mode: this build does not take string"],
        ),
        (
            {"mode": REQUIRED, "key": REQUIRED},
            {"status": STATUS},
            ("key",),
            ["break: a/b key: this build requires a field that we do not send"],
        ),
        ({"mode": REQUIRED}, {}, (), ["break: a/b answer status: this build has no such field"]),
        (
            {"mode": REQUIRED},
            {"status": {"type": "object"}},
            (),
            ["break: a/b answer status: was 'done' or 'failed', is object"],
        ),
        (
            {"mode": REQUIRED},
            {"status": {"enum": ["done", "failed", "lost"]}},
            (),
            ["news: a/b answer status: may now be 'lost'"],
        ),
    ],
)
def test_a_difference_breaks_or_is_news(
    params: dict[str, Any], answer: dict[str, Any], required: tuple[str, ...], expected: list[str]
) -> None:
    found = schema_differences(contract(SENDS, READS), schema(params, answer, required=required))
    assert [f"{each.kind}: {each}" for each in found] == expected


def test_a_field_of_some_builds_may_be_missing() -> None:
    sends, reads = types(mode=f"string | {IN_SOME}"), types(status=f"string | {IN_SOME}")
    assert schema_differences(contract(sends, reads), schema({}, {}, required=())) == []


def faults(value: object, **fields: str) -> list[Difference]:
    paths = {name.replace("__", "."): types(x=text)["x"] for name, text in fields.items()}
    return value_differences("m", paths, value)


def test_a_message_breaks_by_a_missing_field_or_another_type() -> None:
    assert faults({"a": 1}, a="number") == []
    assert faults({}, a="number | absent") == []
    assert faults({"a": "new word"}, a="'done'") == []
    what = "is missing in a message of this build"
    assert faults({}, a="number") == [Difference(Kind.BREAK, "m a", what)]
    assert [each.what for each in faults({"a": "1"}, a="number")] == [
        "is string in a message of this build"
    ]


def test_below_a_missing_field_nothing_is_missing() -> None:
    assert faults({"a": None}, a="object | null", a__b="string") == []
    assert [each.where for each in faults({"a": {}}, a="object | null", a__b="string")] == ["m a.b"]


def test_a_message_that_some_tested_builds_lack_may_be_missing() -> None:
    uses = {"a/b": Use({}, types(status=f"string | {IN_SOME}")), "c/d": Use({}, {})}
    named: dict[str, dict[str, Use]] = {"requests": uses, "questions": {}, "notifications": {}}
    known = Contract(("1",), {**named, "items": {"i": Use({}, READS)}}, {})
    found = schema_differences(known, Schema({}))
    assert [each.where for each in found] == ["c/d", "item i"]
