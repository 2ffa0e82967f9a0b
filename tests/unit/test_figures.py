from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.figures import ago, count, duration, size

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0.0s"),
        (4.25, "4.2s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (252, "4m12s"),
        (3599.9, "59m59s"),
        (7320, "2h02m"),
        (90_000, "1d01h"),
        (86_400 * 12, "12d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@given(st.floats(min_value=0, max_value=86_400 * 9999))
def test_a_span_keeps_its_column(seconds: float) -> None:
    assert len(duration(seconds)) <= 7


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


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2**30, "1.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_a_size_is_told_with_its_unit(size_bytes: int, told: str) -> None:
    assert size(size_bytes) == told
