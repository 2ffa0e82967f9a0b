from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.server.argument_check import ArgumentCheck
from codexmcp.server.arguments import ArgumentsError

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


def test_what_is_null_counts_as_left_out() -> None:
    assert ArgumentCheck("tool", {"type": "object"}).checked({"count": None, "b": 1}) == {"b": 1}


@pytest.mark.parametrize("arguments", [{"more": 2.0}, {"count": None}])
def test_what_does_not_fit_is_refused(arguments: object) -> None:
    with pytest.raises(ArgumentsError, match=r"^tool: "):
        CHECK.checked(arguments)
