"""A report on usage as text: a table, a plot, JSON, CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from codexmcp import figures
from codexmcp.cli.text import columns, cut, one_line
from codexmcp.usage.report import By, Row, UsageReport
from codexmcp.usage.tokens import Tokens

WIDTH = 80
"""Columns of a table that is not for a terminal."""

_CENT = 0.01
_NARROWEST = 12
_PLOTTED_DAYS = 14
_LONGEST_PLOT = timedelta(days=3660)
_HEADS = ("requests", "input", "cached", "output", "reasoning", "cost")
_FIELDS = (
    "requests",
    "inputTokens",
    "cachedInputTokens",
    "cacheWriteTokens",
    "outputTokens",
    "reasoningTokens",
    "totalTokens",
    "costUsd",
    "unpricedTokens",
)


def told_cost(cost: float) -> str:
    """Return a cost in US dollars; what is less than a cent is not rounded away."""
    if 0 < cost < _CENT:
        return f"${cost:.2g}" if cost >= 0.0001 else "<$0.0001"  # noqa: PLR2004 - width
    return f"${cost:,.2f}"


def row_cost(row: Row) -> str:
    """Return the cost of a row, `unknown`, or the known part with a sign."""
    if row.known_cost is None:
        return "unknown"
    return f"{told_cost(row.cost)}{' + ?' if row.unpriced else ''}"


def table_lines(report: UsageReport, width: int, home: Path) -> Iterator[str]:
    """Yield the table within a number of columns; `home` is shortened to `~`."""
    rows = [*report.rows, report.total]
    cells = [_HEADS, *map(_cells, rows)]
    sizes = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    names = [str(report.by), *(_name(row, report, home) for row in rows)]
    room = max(_NARROWEST, width - sum(sizes) - 2 * len(sizes))
    size = min(room, max(map(columns, names)))
    for number, (name, row) in enumerate(zip(names, cells, strict=True)):
        if number == len(names) - 1:
            yield "-" * min(width, size + sum(sizes) + 2 * len(sizes))
        shown = _fitted(name, size, keep_end=report.by is By.PROJECT)
        padded = shown + " " * (size - columns(shown))
        numbers = (" " * (n - columns(cell)) + cell for cell, n in zip(row, sizes, strict=True))
        yield "  ".join([padded, *numbers]).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    tokens = row.tokens
    counts = (tokens.input, tokens.cached, tokens.output, tokens.reasoning)
    # The store of runs does not know how many requests a run has made.
    requests = figures.count(row.requests) if row.requests else "-"
    return (requests, *map(figures.count, counts), row_cost(row))


def _name(row: Row, report: UsageReport, home: Path) -> str:
    name = one_line(row.name)
    is_path = report.by is By.PROJECT and row is not report.total
    if is_path and (name == str(home) or name.startswith(f"{home}/")):
        return f"~{name.removeprefix(str(home))}"
    return name


def _fitted(text: str, size: int, *, keep_end: bool) -> str:
    """Return a text cut to a width; a path keeps its end."""
    if not keep_end or columns(text) <= size:
        return cut(text, size)
    while columns(text) > size - 1:
        text = text[1:]
    return f"…{text}"


def plot_lines(report: UsageReport, width: int, home: Path, *, is_whole: bool) -> Iterator[str]:
    """Yield a plot of bars: costs if all are known, else tokens.

    Args:
        report: The report.
        width: The number of columns.
        home: The user's home folder, shortened to `~`.
        is_whole: Plot all rows; otherwise only the last two weeks, by day.
    """
    kind = report.by if is_whole else By.DAY
    rows = report.rows if is_whole else _last_days(report.days)
    if kind is By.DAY:
        rows = _without_gaps(rows)
    by_cost = not report.total.unpriced and report.total.cost > 0
    values = [row.cost if by_cost else float(row.tokens.total) for row in rows]
    shown = [told_cost(row.cost) if by_cost else figures.count(row.tokens.total) for row in rows]
    yield f"{'cost' if by_cost else 'tokens'} per {kind}"
    names = [_name(row, report, home) if is_whole else row.name for row in rows]
    yield from _bars(names, values, shown, width, keep_end=kind is By.PROJECT)


def _bars(
    names: Sequence[str],
    values: Sequence[float],
    shown: Sequence[str],
    width: int,
    *,
    keep_end: bool,
) -> Iterator[str]:
    """Yield a line for each value: its name, a bar, its text."""
    widest = max(map(len, shown), default=0)
    size = min(max(map(columns, names), default=0), width // 2)
    room = max(1, width - size - widest - 4)
    most = max(values, default=0.0) or 1.0
    for name, value, told in zip(names, values, shown, strict=True):
        fitted = _fitted(name, size, keep_end=keep_end)
        # Whatever was spent is to be seen.
        bar = "#" * max(int(value > 0), round(value / most * room))
        line = f"{fitted}{' ' * (size - columns(fitted))}  {bar:<{room}}  {told:>{widest}}"
        yield line.rstrip()


def _last_days(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last two weeks in which something was spent."""
    first = date.fromisoformat(rows[-1].name) - timedelta(days=_PLOTTED_DAYS - 1) if rows else None
    return [row for row in rows if first is None or date.fromisoformat(row.name) >= first]


def _without_gaps(rows: Sequence[Row]) -> list[Row]:
    """Return a row for every day between the first and the last, unless a clock was far off."""
    known = {date.fromisoformat(row.name): row for row in rows}
    if not known or max(known) - min(known) > _LONGEST_PLOT:
        return list(rows)
    count = (max(known) - min(known)).days + 1
    days = (min(known) + timedelta(days=number) for number in range(count))
    return [known.get(each) or Row(each.isoformat()) for each in days]


def row_as_json(row: Row, by: By | None = None) -> dict[str, Any]:
    """Return a row for a program, with its name if `by` is given; an unknown cost is null."""
    name = {} if by is None else {str(by): row.name}
    return {**name, **dict(zip(_FIELDS, _values(row), strict=True))}


def csv_text(report: UsageReport) -> str:
    """Return the rows as CSV with a line of names; an empty cost is unknown."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([str(report.by), *_FIELDS])
    for row in report.rows:
        values = ["" if value is None else value for value in _values(row)]
        writer.writerow([_no_formula(one_line(row.name)), *values])
    return text.getvalue()


def _no_formula(name: str) -> str:
    """Return a name as text for a spreadsheet: names of models are foreign input."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def _values(row: Row) -> tuple[int | float | None, ...]:
    cost = row.known_cost
    return (
        row.requests,
        *_counts(row.tokens),
        row.tokens.total,
        None if cost is None else round(cost, 6),
        row.unpriced.total,
    )


def _counts(tokens: Tokens) -> tuple[int, ...]:
    return tuple(tokens)
