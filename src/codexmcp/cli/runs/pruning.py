"""`codexmcp runs prune`: delete completed runs from the store, and their audit files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from codexmcp import figures
from codexmcp.cli.options.runs import PruneOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import one_line
from codexmcp.errors import ExitCode, UsageError
from codexmcp.runs.audit.names import SUFFIXES, events_file
from codexmcp.runs.audit.prune import RetentionBounds, StoredRun, choose, delete, ended_runs
from codexmcp.runs.audit.reindex import audit_folders
from codexmcp.runs.run import Run
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.store import Selection

_PAGE = 500


def prune_runs(options: PruneOptions, output: Output) -> int:
    """Delete old runs, or list them.

    Raises:
        UsageError: There is no rule for deletion.
        StoreError: The store cannot be read or written.
    """
    keep = RetentionBounds(options.older_than, options.keep, options.max_size)
    if keep == RetentionBounds():
        raise UsageError("say what to delete: --older-than 30d, --keep 1000 or --max-size 1G")
    with opened_place() as place:
        now = time.time()
        runs = list(_candidates(options, place, now))
        chosen = choose(runs, keep, now)
        done = chosen if options.dry_run else _deleted(place, chosen)
    _tell(options, output, done, len(chosen) - len(done), now)
    return ExitCode.DONE if len(done) == len(chosen) else ExitCode.FAILED


def _candidates(options: PruneOptions, place: Place, now: float) -> Iterator[StoredRun]:
    """Yield the completed runs in the store, and completed runs with audit files only."""
    folders = None if options.all else set(place.folders(options.cwd))
    known: set[str] = set()
    for run in _stored(place):
        known.add(run.id)
        is_ours = folders is None or run.request.cwd in folders
        if is_ours and run.state.is_over and run.ended_at is not None:
            folder = Path(run.request.audit_dir)
            yield StoredRun(run.id, folder, run.ended_at, _size(folder, run.id))
    places = place.audit_folders(options.cwd)
    if options.all:
        places = audit_folders(place.directory.folder, places)
    elif place.run_settings.run_dir is not None:
        # What else lies in a folder for all projects may be of any of them.
        places.remove(place.run_settings.run_dir)
    for folder in dict.fromkeys(Path(each).resolve() for each in places):
        yield from ended_runs(folder, now, known)


def _stored(place: Place) -> Iterator[Run]:
    before = None
    while page := place.directory.select(Selection(None, None, before, _PAGE)):
        yield from page
        before = page[-1].sequence


def _deleted(place: Place, chosen: Sequence[StoredRun]) -> list[StoredRun]:
    """Delete files, then the records in the store; return the deleted runs."""
    gone = {run.run_id for run in delete(chosen)}
    # Of some there are no files any more, and only the store is left to forget them.
    gone |= {run.run_id for run in chosen if not (run.folder / events_file(run.run_id)).exists()}
    if place.directory.exists():
        store = SqliteStore(place.directory.store_path)
        try:
            store.delete(gone)
        finally:
            store.close()
    return [run for run in chosen if run.run_id in gone]


def _size(folder: Path, run_id: str) -> int:
    size = 0
    for suffix in SUFFIXES:
        try:
            size += (folder / f"{run_id}{suffix}").lstat().st_size
        except OSError:
            continue
    return size


def _tell(
    options: PruneOptions, output: Output, done: Sequence[StoredRun], left: int, now: float
) -> None:
    total = sum(run.size_bytes for run in done)
    if output.is_json:
        runs: list[dict[str, Any]] = [
            {
                "runId": run.run_id,
                "endedAt": run.ended_at,
                "bytes": run.size_bytes,
                "folder": str(run.folder),
            }
            for run in done
        ]
        output.say_json({"dryRun": options.dry_run, "runs": runs, "bytes": total, "left": left})
        return
    for run in done:
        age, size = figures.ago(run.ended_at, now), figures.size(run.size_bytes)
        output.say(f"{run.run_id}  {age:>10}  {size:>9}  {one_line(str(run.folder))}")
    said = "would be deleted" if options.dry_run else "deleted"
    output.say(f"{len(done)} run(s) {said}, {figures.size(total)}")
    if left:
        output.trouble(f"{left} run(s) stay: somebody has begun to write them, or may not delete")
