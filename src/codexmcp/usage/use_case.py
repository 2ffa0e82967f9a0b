"""The use case of `codexmcp usage`: bring the index up to date, and report from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import StoreError
from codexmcp.runs.run import Run
from codexmcp.runs.store import Selection
from codexmcp.usage.index import Index, Sum
from codexmcp.usage.prices import Prices
from codexmcp.usage.report import By, Names, Report, report
from codexmcp.usage.rollouts import FOLDERS
from codexmcp.usage.runs import sums_of_runs
from codexmcp.usage.scan import Scan, bring_up_to_date

Select = Callable[[Selection], Sequence[Run]]
Say = Callable[[str], None]
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to report.

    Attributes:
        home: The Codex home.
        index: The file of the index; None keeps it in memory.
        by: What the rows are for.
        since: Unix time; None means from the beginning.
        until: Unix time of the first moment that is left out; None means to the end.
        prices: The prices.
        names: How rows are named.
    """

    home: Path
    index: Path | None
    by: By
    since: float | None
    until: float | None
    prices: Prices
    names: Names


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found.

    Attributes:
        report: The report.
        scan: What reading has met.
    """

    report: Report
    scan: Scan


def gather(asked: Asked, select: Select, warn: Say, tell: Tell) -> Gathered:
    """Report on what was spent.

    An index that cannot be used only costs time: everything is read once more, into memory.

    Args:
        asked: What to report.
        select: Returns supervised runs, the newest first.
        warn: Is told what is wrong and does not stop the report.
        tell: Is told how many bytes are read, and how many there are to read.
    """
    # A home without rollouts, or none at all, stays as it is.
    if asked.index is not None and any((asked.home / each).is_dir() for each in FOLDERS):
        try:
            return _gather(asked, asked.index, select, warn, tell)
        except (sqlite3.Error, OSError) as error:
            warn(_about(asked.index, error))
    return _gather(asked, None, select, warn, tell)


def _gather(asked: Asked, path: Path | None, select: Select, warn: Say, tell: Tell) -> Gathered:
    with Index(path) as index:
        scan = bring_up_to_date(index, asked.home, tell)
        sums = index.sums(asked.since, asked.until, asked.prices.limits)
        runs = list(_runs(asked, index, select, warn))
        return Gathered(report(_both(sums, runs), asked.by, asked.prices, asked.names), scan)


def _both(sums: Iterator[Sum], more: Sequence[Sum]) -> Iterator[Sum]:
    yield from sums
    yield from more


def _runs(asked: Asked, index: Index, select: Select, warn: Say) -> Iterator[Sum]:
    try:
        yield from sums_of_runs(select, index.threads(), asked.since, asked.until)
    except StoreError as error:
        warn(f"{error}; runs without a rollout are missing")


def _about(path: Path, error: Exception) -> str:
    return (
        f"the index {path} cannot be used ({error}), so all rollouts were read; make it writable, "
        "or delete it if it is damaged"
    )
