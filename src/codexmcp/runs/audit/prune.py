"""Deletes the audit files of ended runs beyond bounds on age, number and size.

The choice is pure. The indexes keep their lines: readers ignore runs without files, so an appending
process loses nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened, opened_inner
from codexmcp.runs.audit.names import ACTIVE, SUFFIXES, active_file, events_file
from codexmcp.runs.audit.reindex import scan
from codexmcp.runs.audit.restoring import CUT_SHORT, UNBEGUN

ABANDONED_S = 30 * 24 * 3600.0
"""Runs without an end are considered abandoned after this time."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The files of an ended run.

    Attributes:
        run_id: The run.
        folder: Folder of the files.
        ended_at: Unix time of the end, in seconds.
        size_bytes: Total size of the files.
    """

    run_id: str
    folder: Path
    ended_at: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RetentionBounds:
    """Bounds on the kept runs. None: unbounded.

    Attributes:
        age_s: Longest time since the end, in seconds.
        count: Largest number of runs, newest first.
        size_bytes: Total size of the runs, newest first.
    """

    age_s: float | None = None
    count: int | None = None
    size_bytes: int | None = None


def choose(runs: Iterable[StoredRun], keep: RetentionBounds, now: float) -> list[StoredRun]:
    """Return the runs to delete, the oldest first. Pure.

    Args:
        runs: All ended runs.
        keep: Bounds on the kept runs.
        now: Unix time, in seconds.
    """
    chosen: list[StoredRun] = []
    size = 0
    newest_first = sorted(runs, key=lambda run: (run.ended_at, run.run_id), reverse=True)
    for number, run in enumerate(newest_first, 1):
        size += run.size_bytes
        too_old = keep.age_s is not None and now - run.ended_at > keep.age_s
        too_many = keep.count is not None and number > keep.count
        too_large = keep.size_bytes is not None and size > keep.size_bytes
        if too_old or too_many or too_large:
            chosen.append(run)
    return chosen[::-1]


def ended_runs(folder: Path, now: float, spared: Collection[str] = ()) -> list[StoredRun]:
    """Return the ended runs with files in a folder.

    A run with a living writer has not ended. A run without an end in its file may still be
    continued, and counts as ended after `ABANDONED_S`.

    Args:
        folder: Folder of audit files.
        now: Unix time, in seconds.
        spared: Ids of runs to leave out: not ended, according to a store.
    """
    runs: list[StoredRun] = []
    for fields in scan([folder]):
        run_id = str(fields["id"])
        is_cut_short = fields["reason"] in {CUT_SHORT, UNBEGUN}
        is_waiting = is_cut_short and now - fields["ended_at"] < ABANDONED_S
        if run_id not in spared and not is_waiting:
            size = sum(_size(folder / f"{run_id}{suffix}") for suffix in SUFFIXES)
            runs.append(StoredRun(run_id, folder, float(fields["ended_at"]), size))
    return runs


def delete(runs: Iterable[StoredRun]) -> list[StoredRun]:
    """Delete the files of runs; return the deleted runs.

    A run with a new writer stays, and so does a run with undeletable files.
    """
    return [run for run in runs if _delete(run)]


def _delete(run: StoredRun) -> bool:
    name = events_file(run.run_id)
    try:
        with opened(run.folder) as folder:
            descriptor = files.open_for_reading(folder, name)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with contextlib.suppress(OSError), opened_inner(folder, ACTIVE) as active:
                    files.remove(active, active_file(run.run_id))
                # The events last: while they exist, the other files can be found.
                for suffix in reversed(SUFFIXES):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(f"{run.run_id}{suffix}", dir_fd=folder)
            finally:
                os.close(descriptor)
    except OSError:
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
