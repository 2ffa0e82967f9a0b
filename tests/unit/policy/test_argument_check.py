from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from codexmcp.policy.argument_check import ArgumentCheck
from codexmcp.policy.arguments import ArgumentsError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "maximum": 2**53},
        "ratio": {"type": "number"},
        "free": {},
    },
    "additionalProperties": False,
}
CHECK = ArgumentCheck("tool", SCHEMA)


@given(st.integers(-(2**53), 2**53))
def test_an_integer_is_one_however_it_is_written(number: int) -> None:
    for given_as in (number, float(number)):
        (count,) = CHECK.checked({"count": given_as}).values()
        assert (count, type(count)) == (number, int)


def test_other_numbers_stay_as_they_are() -> None:
    checked = CHECK.checked({"ratio": 2.0, "free": 2.0})
    assert [type(each) for each in checked.values()] == [float, float]


@pytest.mark.parametrize("number", [2.5, float("inf"), float("nan"), 1e300, "2", True, [2.0]])
def test_what_is_no_integer_is_refused(number: object) -> None:
    with pytest.raises(ArgumentsError, match=r"^tool: count: "):
        CHECK.checked({"count": number})


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(number: float) -> None:
    with pytest.raises(ArgumentsError, match=r"^tool: a number is infinite or NaN"):
        CHECK.checked({"free": [{"a": number}]})


def test_what_is_null_counts_as_left_out() -> None:
    assert ArgumentCheck("tool", {"type": "object"}).checked({"count": None, "b": 1}) == {"b": 1}


@pytest.mark.parametrize("arguments", [{"more": 2.0}, {"count": None}])
def test_what_does_not_fit_is_refused(arguments: object) -> None:
    with pytest.raises(ArgumentsError, match=r"^tool: "):
        CHECK.checked(arguments)


_TEXT = {"type": "string", "description": "A text.", "default": ""}
_SAID = st.sampled_from(
    [
        {"type": "string", "minLength": 2},
        {"type": "string", "enum": ["a"]},
        {"type": ["string", "null"]},
        {"type": "integer"},
        {"const": "a"},
        {},
        True,
        False,
    ]
)
_SCHEMAS = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(st.sampled_from("abc"), st.just(_TEXT) | _SAID),
    },
    optional={
        "required": st.lists(st.sampled_from("abcd"), unique=True),
        "additionalProperties": st.booleans(),
        "description": st.just("Arguments."),
    },
)
_MORE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("array"),
        "minProperties": st.integers(0, 2),
        "patternProperties": st.just({"a": {"maxLength": 0}}),
    },
)
_TEXTS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["", "a", "aa"]))
_VALUES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["a", 1, True, [], {}]))


@settings(max_examples=8 * settings().max_examples)
@given(_SCHEMAS | st.builds(dict[str, Any].__or__, _SCHEMAS, _MORE), _TEXTS | _VALUES)
def test_arguments_fit_if_and_only_if_the_schema_says_so(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert _fits(schema, arguments) == Draft202012Validator(schema).is_valid(arguments)


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        ({"type": "object", "properties": {"a": _TEXT}, "required": ["a"]}, {}),
        ({"type": "object", "properties": {"a": {**_TEXT, "minLength": 1}}}, {"a": ""}),
        ({"type": "object", "properties": {"a": _TEXT}, "minProperties": 1}, {}),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {"a": ""}),
        ({"type": "object", "properties": {"a": _TEXT}}, {"a": 1}),
        ({"type": "array", "properties": {"a": _TEXT}}, {"a": ""}),
    ],
    ids=[
        "one is missing",
        "one is too short",
        "there are too few",
        "one too many",
        "no text",
        "no object",
    ],
)
def test_what_is_nearly_a_free_text_is_refused(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert not _fits(schema, arguments)


def _fits(schema: dict[str, Any], arguments: dict[str, Any]) -> bool:
    try:
        ArgumentCheck("tool", schema).checked(arguments)
    except ArgumentsError:
        return False
    return True
