"""Durations, sizes and counts."""

from __future__ import annotations

import argparse

import pytest

from codexmcp import units


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
