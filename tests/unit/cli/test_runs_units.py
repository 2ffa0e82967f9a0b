"""Durations, sizes and counts of `codexmcp runs`."""

from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.cli.runs import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("12h", 43_200), ("30d", 2_592_000), ("1h30m", 5400), ("2W", 1_209_600)],
)
def test_a_duration_is_read_with_its_units(text: str, seconds: float) -> None:
    assert units.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1d x", "1x", "1.d", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a duration"):
        units.duration(text)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("1.5", 1.5), ("10m", 600)])
def test_a_bound_may_be_a_bare_number_of_seconds(text: str, seconds: float) -> None:
    assert units.seconds(text) == seconds


@pytest.mark.parametrize("text", ["-1", "inf", "nan", "soon"])
def test_a_bound_must_be_finite_and_not_negative(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10", 10), ("2K", 2048), ("1G", 2**30), ("1.5MiB", 1_572_864), ("1gb", 2**30)],
)
def test_a_size_is_read_in_powers_of_1024(text: str, size: int) -> None:
    assert units.size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", "1 G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a size"):
        units.size(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "²"])
def test_a_count_is_one_or_more(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        units.count(text)
    assert units.count("20") == 20


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0.0s"),
        (4.25, "4.2s"),
        (59.9, "59s"),
        (252, "4m12s"),
        (3599.9, "59m59s"),
        (7320, "2h02m"),
        (90_000, "1d01h"),
        (86_400 * 12, "12d"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert units.told_duration(seconds) == told


@given(st.floats(min_value=0, max_value=86_400 * 9999))
def test_a_told_duration_keeps_its_column(seconds: float) -> None:
    assert len(units.told_duration(seconds)) <= 7


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-9, "now"), (0.4, "now"), (59, "59s ago"), (3600, "1h ago"), (200_000, "2d ago")],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, told: str) -> None:
    assert units.told_age(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (12_345, "12.3k"),
        (99_950, "100k"),
        (999_949, "1000k"),
        (999_950, "1.0M"),
    ],
)
def test_a_count_is_told_short(number: int, told: str) -> None:
    assert units.told_count(number) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2**30, "1.0 GiB"), (2**52, "4096.0 TiB")],
)
def test_a_size_is_told_with_its_unit(size: int, told: str) -> None:
    assert units.told_size(size) == told
