from __future__ import annotations

import argparse
import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codexmcp.cli.options.usage import day
from codexmcp.cli.text import columns
from codexmcp.cli.usage_text import csv_text, plot_lines, row_as_json, table_lines, told_cost
from codexmcp.usage.report import By, Row, UsageReport
from codexmcp.usage.tokens import Tokens

HOME = Path("/home/u")
TOKENS = Tokens(12_345_678, 9_000_000, 0, 1_200_000, 800_000)


def made(by: By, *rows: Row, days: tuple[str, ...] = ("2026-11-20",)) -> UsageReport:
    total = Row("total")
    for row in rows:
        total.add(row.requests, row.tokens, row.cost)
        total.unpriced = total.unpriced.plus(row.unpriced)
    return UsageReport(by, list(rows), total, [Row(each, 1, TOKENS, 1.0) for each in days], [])


def lines(report: UsageReport, width: int = 80) -> list[str]:
    return list(table_lines(report, width, HOME))


def test_a_table_says_what_is_known_and_what_is_not() -> None:
    rows = [
        Row("gpt-6.1-sol", 123, TOKENS, 12.5),
        Row("llama", 2, TOKENS, 0.0, TOKENS),
        Row("(unknown)", 0, TOKENS, 0.004, Tokens(1)),
    ]
    assert lines(made(By.MODEL, *rows)) == [
        "model        requests  input  cached  output  reasoning        cost",
        "gpt-6.1-sol       123  12.3M    9.0M    1.2M       800k      $12.50",
        "llama               2  12.3M    9.0M    1.2M       800k     unknown",
        "(unknown)           -  12.3M    9.0M    1.2M       800k  $0.004 + ?",
        "-" * 67,
        "total             125  37.0M   27.0M    3.6M       2.4M  $12.50 + ?",
    ]


def test_the_end_of_a_long_project_is_shown_and_the_home_is_short() -> None:
    rows = [Row(f"/home/u/{'x' * 90}/end", 1, TOKENS, 1.0), Row("/home/u", 1, TOKENS, 1.0)]
    shown = lines(made(By.PROJECT, *rows))
    assert shown[1].split()[0].startswith("…x")
    assert shown[1].split()[0].endswith("x/end")
    assert shown[2].split()[0] == "~"


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.text(max_size=99), st.integers(0, 10**12), st.floats(0, 10**6)), max_size=5
    ),
    st.sampled_from(By),
)
def test_no_line_is_wider_than_80_columns_whatever_is_in_it(
    given_rows: list[tuple[str, int, float]], by: By
) -> None:
    rows = [Row(name, 1, Tokens(count, output=count), cost) for name, count, cost in given_rows]
    names = ["2026-11-01", "2026-11-20"][: len(rows)] if by is By.DAY else None
    for row, name in zip(rows, names or [], strict=False):
        row.name = name
    report = made(by, *(rows if names is None else rows[:2]))
    plots = [plot_lines(report, 80, HOME, is_whole=whole) for whole in (False, True)]
    for line in [*lines(report), *plots[0], *plots[1]]:
        assert columns(line) <= 80
        assert not set(line) & {"\x1b", "\n", "\r", "\x9b"}


def test_a_plot_shows_the_days_without_anything_too_and_the_last_two_weeks() -> None:
    report = made(
        By.MODEL, Row("m", 1, TOKENS, 1.0), days=("2026-11-01", "2026-11-07", "2026-11-19")
    )
    shown = list(plot_lines(report, 80, HOME, is_whole=False))
    assert shown[0] == "cost per day"
    assert [line.split()[0] for line in shown[1:]] == [f"2026-11-{n:02}" for n in range(7, 20)]
    assert ["#" in line for line in (shown[1], shown[2], shown[-1])] == [True, False, True]


def test_a_clock_that_was_far_off_does_not_fill_the_plot() -> None:
    rows = [Row(each, 1, TOKENS, 1.0) for each in ("2000-01-01", "2026-11-20", "2999-12-31")]
    report = UsageReport(By.DAY, rows, Row("total"), rows, [])
    assert len(list(plot_lines(report, 80, HOME, is_whole=True))) == 4
    assert len(list(plot_lines(report, 80, HOME, is_whole=False))) == 2


def test_tokens_are_plotted_when_not_every_price_is_known() -> None:
    report = made(By.MODEL, Row("m", 1, TOKENS, 1.0), Row("x", 1, Tokens(5), 0.0, Tokens(5)))
    shown = list(plot_lines(report, 80, HOME, is_whole=True))
    assert [line.split()[0] for line in shown] == ["tokens", "m", "x"]
    # However little it is, it is seen.
    assert [line.count("#") for line in shown[1:]] == [80 - 1 - 5 - 4, 1]


def test_a_report_without_rows_has_an_empty_plot() -> None:
    report = UsageReport(By.DAY, [], Row("total"), [], [])
    assert list(plot_lines(report, 80, HOME, is_whole=True)) == ["tokens per day"]


def test_programs_get_null_and_an_empty_cell_for_a_cost_that_is_unknown() -> None:
    rows = [Row("a,b", 1, TOKENS, 1.23456789), Row("x", 1, TOKENS, 0.0, TOKENS)]
    json = [row_as_json(row, By.MODEL) for row in rows]
    assert [(each["model"], each["costUsd"]) for each in json] == [("a,b", 1.234568), ("x", None)]
    assert json[1]["unpricedTokens"] == json[1]["totalTokens"] == TOKENS.total
    table = list(csv.DictReader(csv_text(made(By.MODEL, *rows)).splitlines()))
    assert [(each["model"], each["costUsd"]) for each in table] == [("a,b", "1.234568"), ("x", "")]


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    text = csv_text(made(By.MODEL, Row('=HYPERLINK("http://x")', 1, TOKENS, 1.0)))
    (row,) = csv.DictReader(text.splitlines())
    assert row["model"] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.0123, "$0.01"),
        (0.00123, "$0.0012"),
        (1e-9, "<$0.0001"),
    ],
)
def test_a_small_cost_is_not_rounded_away(cost: float, told: str) -> None:
    assert told_cost(cost) == told


def test_days_are_named_by_their_date_or_how_long_ago_they_were() -> None:
    today = date.today()  # noqa: DTZ011 - as a user says it
    assert day("2026-11-20") == date(2026, 11, 20)
    assert day("today") - day("yesterday") == timedelta(days=1)
    assert today - day("7d") in {timedelta(days=7), timedelta(days=6)}


@pytest.mark.parametrize("text", ["", "7", "7h", "2026-13-01", "99999d0", "soon", "-1d"])
def test_what_names_no_day_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a day"):
        day(text)
