"""The use case of `codexmcp usage`: update the index, and report from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from codexmcp.codex.recorded import FOLDERS
from codexmcp.data_classes import dataclass
from codexmcp.errors import StoreError
from codexmcp.runs.run import Run
from codexmcp.runs.store import Selection
from codexmcp.usage.claude import read_transcripts
from codexmcp.usage.index import Index, SpendingSum
from codexmcp.usage.prices import Prices
from codexmcp.usage.report import By, Names, UsageReport, report
from codexmcp.usage.runs import sums_of_runs
from codexmcp.usage.scan import NO_SCAN, Scan, update_index

Select = Callable[[Selection], Sequence[Run]]
Say = Callable[[str], None]
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Parameters of a report.

    Attributes:
        home: The Codex home.
        index: The file of the index; None keeps the index in memory.
        by: The grouping.
        since: Unix time; None means from the beginning.
        until: Unix time, exclusive; None means to the end.
        prices: The prices.
        names: The names of rows.
        has_codex: Include Codex's usage.
        claude: Claude Code's folder; None excludes its usage.
    """

    home: Path
    index: Path | None
    by: By
    since: float | None
    until: float | None
    prices: Prices
    names: Names
    has_codex: bool = True
    claude: Path | None = None


@dataclass(frozen=True, slots=True)
class UsageResult:
    """The report, and the findings of the update.

    Attributes:
        report: The report.
        scan: The findings of the update.
    """

    report: UsageReport
    scan: Scan


def gather(asked: UsageQuery, select: Select, warn: Say, tell: Tell) -> UsageResult:
    """Return the usage report.

    An unusable index only costs time: all rollouts are read again, into memory.

    Args:
        asked: The parameters.
        select: Returns supervised runs, newest first.
        warn: Called with non-fatal problems.
        tell: Called with the bytes read so far and the total.
    """
    # A missing home, or a home without rollouts, stays unchanged.
    if asked.index is not None and any((asked.home / each).is_dir() for each in FOLDERS):
        try:
            return _gather(asked, asked.index, select, warn, tell)
        except (sqlite3.Error, OSError) as error:
            warn(_about(asked.index, error))
    return _gather(asked, None, select, warn, tell)


def _gather(
    asked: UsageQuery, path: Path | None, select: Select, warn: Say, tell: Tell
) -> UsageResult:
    with Index(path) as index:
        scan = update_index(index, asked.home, tell) if asked.has_codex else NO_SCAN
        sums = index.sums(asked.since, asked.until, asked.prices.limits)
        codex = chain(sums, list(_runs(asked, index, select, warn))) if asked.has_codex else ()
        every = chain(codex, _of_claude(asked, warn))
        return UsageResult(report(every, asked.by, asked.prices, asked.names), scan)


def _of_claude(asked: UsageQuery, warn: Say) -> Sequence[SpendingSum]:
    if asked.claude is None:
        return ()
    limits = asked.prices.limits
    found = read_transcripts(asked.claude, asked.since, asked.until, limits)
    if found.broken:
        warn(f"{found.broken} broken lines in Claude Code's transcripts were left out")
    if found.unreadable:
        count, first = len(found.unreadable), found.unreadable[0]
        warn(
            f"{count} of Claude Code's transcripts cannot be read and are missing, such as {first}"
        )
    return found.sums


def _runs(asked: UsageQuery, index: Index, select: Select, warn: Say) -> Iterator[SpendingSum]:
    try:
        yield from sums_of_runs(select, index.threads(), asked.since, asked.until)
    except StoreError as error:
        warn(f"{error}; runs without a rollout are missing")


def _about(path: Path, error: Exception) -> str:
    return (
        f"the index {path} cannot be used ({error}), so all rollouts were read; make it writable, "
        "or delete it if it is damaged"
    )
