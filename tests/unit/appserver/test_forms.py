from __future__ import annotations

from typing import Any

import pytest

from codexmcp.appserver.answers import DECLINED, Answer, ApprovalDecision, to_codex
from codexmcp.appserver.forms import Field, fields_of, filled, fitted, form_of, url_of
from codexmcp.errors import UsageError
from codexmcp.jsonrpc.messages import Request

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 2},
        "count": {"type": "integer", "minimum": 1, "default": 3},
        "sure": {"type": "boolean", "default": False},
        "color": {"type": "string", "enum": ["red", "green"], "enumNames": ["Red", "Green"]},
        "days": {"type": "array", "items": {"anyOf": [{"const": "mo", "title": "Monday"}]}},
    },
    "required": ["name", "color"],
}
FORM = Request(
    1,
    "mcpServer/elicitation/request",
    {"mode": "form", "message": "Who?", "requestedSchema": SCHEMA},
)
LINK = Request(
    2, "mcpServer/elicitation/request", {"mode": "url", "message": "Log in", "url": "https://x/"}
)
EMPTY = Request(
    3,
    "mcpServer/elicitation/request",
    {"mode": "form", "requestedSchema": {"type": "object", "properties": {}}},
)
INPUT = Request(
    4,
    "item/tool/requestUserInput",
    {
        "questions": [
            {"id": "db", "header": "Database", "question": "Which?", "options": [{"label": "pg"}]},
            {"id": "why", "header": "Why", "question": "And why?", "isOther": True},
        ]
    },
)


def field(name: str) -> Field:
    return next(each for each in fields_of(SCHEMA) if each.name == name)


def test_an_answer_gets_the_defaults_of_what_was_left_out() -> None:
    whole = filled(SCHEMA, {"name": "Bo", "color": "red", "days": ["mo"], "sure": None})
    assert whole == {"name": "Bo", "color": "red", "days": ["mo"], "count": 3, "sure": False}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "missing: name, color"),
        ({"name": "Bo"}, "missing: color"),
        ({"name": "B", "color": "red"}, "name: 'B' is too short"),
        ({"name": "Bo", "color": "blue"}, "color: invalid value blue; allowed: red, green"),
        ({"name": "Bo", "color": "red", "count": 0}, "count: 0 is less than the minimum of 1"),
        ({"name": "Bo", "color": "red", "days": ["su"]}, "days: invalid value su; allowed: mo"),
        ({"name": "Bo", "color": "red", "size": 1}, "not in the form: size"),
        ({"name": "Bo", "color": "red", "sure": "yes"}, "sure: 'yes' is not of type 'boolean'"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_fields(
    content: dict[str, Any], fault: str
) -> None:
    with pytest.raises(UsageError) as caught:
        filled(SCHEMA, content)
    assert fault in str(caught.value)


def test_only_an_acceptance_has_to_fit() -> None:
    assert fitted(FORM, DECLINED) == DECLINED
    assert fitted(EMPTY, Answer(ApprovalDecision.ACCEPT)) == Answer(ApprovalDecision.ACCEPT)
    with pytest.raises(UsageError):
        fitted(FORM, Answer(ApprovalDecision.ACCEPT))


def test_a_pattern_is_not_looked_at() -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": "(x+x+)+y"}}}
    assert filled(schema, {"a": "x" * 50}) == {"a": "x" * 50}


def test_a_link_has_an_address_and_no_form() -> None:
    assert (form_of(LINK), url_of(LINK)) == (None, "https://x/")
    assert (form_of(EMPTY), url_of(FORM)) == (None, None)
    told = to_codex(LINK, Answer(ApprovalDecision.ACCEPT), allow_amendments=False)
    assert told == {"action": "accept", "content": None}


def test_questions_of_the_model_are_a_form_too() -> None:
    answer = fitted(INPUT, Answer(ApprovalDecision.ACCEPT, content={"db": "pg", "why": "fast"}))
    told = to_codex(INPUT, answer, allow_amendments=False)
    assert told == {"answers": {"db": {"answers": ["pg"]}, "why": {"answers": ["fast"]}}}
    assert to_codex(INPUT, DECLINED, allow_amendments=False) == {"answers": {}}
    with pytest.raises(UsageError, match="db: invalid value my; allowed: pg"):
        fitted(INPUT, Answer(ApprovalDecision.ACCEPT, content={"db": "my", "why": ""}))


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("name", " Bo ", "Bo"),
        ("name", "", None),
        ("count", "", 3),
        ("count", "7", 7),
        ("sure", "Y", True),
        ("sure", "no", False),
        ("color", "Green", "green"),
        ("days", "Monday, mo", ["mo", "mo"]),
    ],
)
def test_what_a_person_types_is_read_by_the_kind_of_the_field(
    name: str, typed: str, value: object
) -> None:
    assert field(name).read(typed) == value


@pytest.mark.parametrize(
    ("name", "typed"), [("name", "B"), ("count", "x"), ("count", "0"), ("sure", "?")]
)
def test_what_is_no_value_of_the_field_is_refused(name: str, typed: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: "):
        field(name).read(typed)


def test_a_field_says_what_it_takes() -> None:
    assert field("color").prompt == "color [red (Red) | green (Green)]"
    assert field("count").prompt == "count [integer, optional, default 3]"
    assert field("name").prompt == "Name [string]"
