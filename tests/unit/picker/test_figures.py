from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.picker.figures import ago, count, duration

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (86399, "23h 59m"),
        (86400 * 3 + 7200, "3d 2h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (-100, "now"),
        (59, "now"),
        (61, "1m ago"),
        (7200, "2h ago"),
        (86400 * 29, "29d ago"),
        (86400 * 31, time.strftime("%Y-%m-%d", time.localtime(NOW - 86400 * 31))),
    ],
)
def test_a_time_is_told_by_how_long_ago_it_was(passed: float, told: str) -> None:
    assert ago(NOW - passed, NOW) == told


def test_a_time_that_no_calendar_knows_is_long_ago() -> None:
    assert ago(-1e20, NOW) == "long ago"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (999_400, "999k"),
        (999_600, "1.0M"),
        (12_345_678, "12.3M"),
    ],
)
def test_a_number_is_told_in_thousands_and_millions(number: int, told: str) -> None:
    assert count(number) == told


@given(st.integers(0, 999_000_000))
def test_a_number_of_tokens_takes_five_characters_at_most(number: int) -> None:
    assert len(count(number)) <= 5
