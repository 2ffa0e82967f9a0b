"""Subject `listing`: the newest 20 runs of a store that holds 100,000, and of one with 100."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.stage import Stage
from codexmcp.runs.run import RunRequest
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import OVER
from codexmcp.runs.store import Selection

_MANY, _QUICK_MANY = 100_000, 2_000
_FEW = 100
_FOLDERS = 5
_TIMES = 50
_SELECTIONS = {
    "all": Selection(),
    "one folder": Selection(cwd="/work/3"),
    "one state": Selection(states={min(OVER)}),
    "from the middle": Selection(before=_FEW // 2),
}


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    many = _QUICK_MANY if stage.quick else _MANY
    with (
        tempfile.TemporaryDirectory(dir=stage.root) as folder,
        _store(Path(folder), _FEW) as small,
        _store(Path(folder), many) as large,
    ):
        yield Subject(
            [
                Driver(f"{_FEW} runs", lambda: _measure(small)),
                Driver(f"{many:,} runs", lambda: _measure(large)),
            ]
        )


@contextlib.contextmanager
def _store(folder: Path, count: int) -> Generator[SqliteStore, None, None]:
    with contextlib.closing(SqliteStore(folder / f"{count}.sqlite3")) as store:
        assert store.restore([*_runs(count)]) == count
        yield store


def _runs(count: int) -> Iterator[dict[str, Any]]:
    states = sorted(OVER)
    for number in range(count):
        folder = f"/work/{number % _FOLDERS}"
        request = RunRequest(prompt=f"Prompt {number} of many. " * 20, cwd=folder, audit_dir=folder)
        yield {
            "id": f"20260101-000000-{number:08x}",
            "state": states[number % len(states)],
            "request": request.to_json(),
            "message": f"Answer {number} of many. " * 40,
            "created_at": float(number),
            "ended_at": float(number + 1),
        }


def _measure(store: SqliteStore) -> Sample:
    return {
        f"newest 20 of {name}, ms": _median_ms(store, selection)
        for name, selection in _SELECTIONS.items()
    }


def _median_ms(store: SqliteStore, selection: Selection) -> float:
    times_ms = []
    for _ in range(_TIMES):
        watch = Stopwatch()
        store.select(selection)
        times_ms.append(watch.lap_ms())
    return statistics.median(times_ms)
