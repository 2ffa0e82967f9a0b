from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.diff import ANYTHING, MISSING, Change, changes
from tests.conformance.rules import ALL, Difference, Rule, unexplained

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def found(native: Any, ours: Any) -> list[Change]:
    return list(changes(native, ours))


@given(json_values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert found(value, value) == []


@pytest.mark.parametrize(("native", "ours"), [(1, True), (1, 1.0), (0, None), ("1", 1), ([], {})])
def test_values_of_different_kinds_differ(native: Any, ours: Any) -> None:
    assert found(native, ours) == [Change("", native, ours)]


def test_a_change_names_its_place() -> None:
    native: dict[str, Any] = {"a": [{"b": 1}, 2], "c": 3}
    assert found(native, {"a": [{"b": 5}, 2], "d": 4}) == [
        Change("a/0/b", 1, 5),
        Change("c", 3, MISSING),
        Change("d", MISSING, 4),
    ]


def test_a_list_of_another_length_is_one_change() -> None:
    assert found({"a": [1, 2]}, {"a": [1]}) == [Change("a", [1, 2], [1])]


def test_one_message_more_or_less_is_one_change() -> None:
    a, b, c = ({"type": kind, "n": kind} for kind in "abc")
    assert found([a, b, c], [a, c]) == [Change("/b", b, MISSING)]
    assert found([a, c], [a, b, c]) == [Change("/b", MISSING, b)]


def test_a_message_that_moved_is_two_changes() -> None:
    a, b, c = ({"type": kind} for kind in "abc")
    moved = found([a, b, c], [b, c, a])
    assert moved == [Change("/a", a, MISSING), Change("/a", MISSING, a)]


def test_messages_of_one_kind_are_compared_and_items_are_of_their_items_kind() -> None:
    native = [{"type": "item", "item": {"type": "A", "x": 1}}]
    ours = [{"type": "item", "item": {"type": "A", "x": 2}}]
    other = [{"type": "item", "item": {"type": "B"}}]
    assert found(native, ours) == [Change("/item A/item/x", 1, 2)]
    assert [change.path for change in found(native, other)] == ["/item A", "/item B"]


def test_anything_equals_everything() -> None:
    assert [ANYTHING, ANYTHING] == [None, 5]


@pytest.mark.parametrize(
    ("rule", "explained"),
    [
        (Rule("a/b"), True),
        (Rule("a"), False),
        (Rule("a/."), True),
        (Rule("a/b", native=1), True),
        (Rule("a/b", native=2), False),
        (Rule("a/b", ours=re.compile("x+")), True),
        (Rule("a/b", ours=re.compile("x")), False),
        (Rule("a/b", native=re.compile("1")), False),
        (Rule("a/b", only="this|that"), True),
        (Rule("a/b", only="th"), False),
    ],
)
def test_a_rule_explains_a_change(rule: Rule, *, explained: bool) -> None:
    assert rule.explains("this", Change("a/b", 1, "xx")) is explained


def test_what_no_difference_of_a_build_explains_is_left() -> None:
    one = Difference("d", "n", "o", "r", (Rule("a"),), (), ALL - {"npm"})
    these = [Change("a", 1, 2), Change("b", 1, 2)]
    assert list(unexplained([one], "s", "same", these)) == these[1:]
    assert list(unexplained([one], "s", "npm", these)) == these
