"""Deletes the audit files of ended runs that are too old, too many or too large.

Choosing is pure. The indexes keep their lines: readers pass over runs whose files are gone, so
nothing is taken from a process that appends meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened, opened_inner
from codexmcp.runs.audit.names import ACTIVE, SUFFIXES, active_file, events_file
from codexmcp.runs.audit.reindex import scan
from codexmcp.runs.audit.restoring import CUT_SHORT, UNBEGUN

ABANDONED_S = 30 * 24 * 3600.0
"""After this time nobody goes on with a run any more."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The files of an ended run.

    Attributes:
        run_id: The run.
        folder: Where its files lie.
        ended_at: Unix time of its end, in seconds.
        size_bytes: What its files hold together.
    """

    run_id: str
    folder: Path
    ended_at: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Keep:
    """What to keep; None means no bound.

    Attributes:
        age_s: Runs that ended within this many seconds.
        count: At most so many of the newest runs.
        size_bytes: The newest runs as long as they fit together.
    """

    age_s: float | None = None
    count: int | None = None
    size_bytes: int | None = None


def choose(runs: Iterable[StoredRun], keep: Keep, now: float) -> list[StoredRun]:
    """Return the runs to delete, the oldest first. Pure.

    Args:
        runs: All ended runs.
        keep: What to keep of them.
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
    """Return the ended runs whose files lie in a folder.

    A run that a live process writes has not ended. One whose file ends before its end may wait for
    somebody to go on with it: it counts as ended after `ABANDONED_S`.

    Args:
        folder: Folder of audit files.
        now: Unix time, in seconds.
        spared: Ids of runs that a store knows not to have ended; they are left out.
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
    """Delete the files of runs; return those that are gone.

    A run that a process has begun to write meanwhile stays, and so does one whose files cannot be
    deleted.
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
                # The events go last: as long as they are there, the rest can be found.
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
