"""Finds the thread, the project and the audit folder of a run by its id alone.

Looks, in this order, into the file of an active run, the project's index, the index of all projects
and the files of events, those of the sidecar that was there before included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from codexmcp.errors import AuditError
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened, opened_inner
from codexmcp.runs.audit.index import IndexEntry, entries, parse_entry
from codexmcp.runs.audit.lines import Record
from codexmcp.runs.audit.names import (
    ACTIVE,
    POINTER_INDEX,
    PROJECT_INDEX,
    active_file,
    check_run_id,
    events_file,
)
from codexmcp.runs.audit.reading import is_header, read_records

_MAX_RECORDS = 2000
_MAX_ACTIVE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FoundRun:
    """Where a run lies.

    Attributes:
        run_id: Its id.
        thread_id: Its thread; None when nothing says it.
        cwd: The folder it worked in; None when nothing says it.
        audit_dir: The folder of its audit files.
    """

    run_id: str
    thread_id: str | None
    cwd: str | None
    audit_dir: Path


def find_run(run_id: str, *, pointer_dir: Path, audit_dirs: Iterable[Path] = ()) -> FoundRun | None:
    """Return where a run lies; None when nothing is known of it.

    Args:
        run_id: The run.
        pointer_dir: The folder of the index of all projects.
        audit_dirs: Folders of audit files that may hold it; they are looked into first.
    """
    try:
        check_run_id(run_id)
    except AuditError:
        return None
    found: FoundRun | None = None
    for each in _sources(run_id, list(audit_dirs), pointer_dir):
        found = each if found is None else _merged(found, each)
        if found.thread_id and found.cwd:
            return found
    return found


def group_of(folder: Path, run_id: str) -> str | None:
    """Return the group that a run's file names; None when it names none or cannot be read.

    Args:
        folder: The folder of its audit files.
        run_id: The run.
    """
    try:
        header = next(read_records(folder, run_id), None)
    except OSError:
        return None
    return text_of(header.get("group")) if header is not None and is_header(header) else None


def thread_of(record: Record) -> tuple[str | None, str | None]:
    """Return the thread and the folder that a line of events tells; None for what it does not.

    Understands our lines, notifications and answers of app-server, and the events of
    `codex exec --json`, as they are or one level down.
    """
    inner = (object_of(record.get(name)) for name in ("event", "message", "msg", "payload"))
    thread: str | None = None
    cwd: str | None = None
    for each in (record, *inner):
        for part in (
            each,
            *(object_of(each.get(name)) for name in ("params", "result", "request")),
        ):
            of_thread = object_of(part.get("thread"))
            thread = thread or _text(part, "threadId", "thread_id") or _text(of_thread, "id")
            cwd = cwd or _text(part, "cwd") or _text(of_thread, "cwd")
    return thread, cwd


def _sources(run_id: str, folders: list[Path], pointer_dir: Path) -> Iterator[FoundRun]:
    for folder in folders:
        yield from (_found(each, folder) for each in _active(folder, run_id))
        yield from (_found(each, folder) for each in _indexed(folder, PROJECT_INDEX, run_id))
    for entry in _indexed(pointer_dir, POINTER_INDEX, run_id):
        if entry.audit_dir is not None:
            place = Path(entry.audit_dir)
            yield _found(entry, place)
            if place not in folders:
                folders.append(place)
    for place in folders:
        yield from _recorded(place, run_id)


def _active(folder: Path, run_id: str) -> Iterator[IndexEntry]:
    try:
        with opened(folder) as outer, opened_inner(outer, ACTIVE) as inner:
            data = files.read(inner, active_file(run_id), _MAX_ACTIVE_BYTES)
    except OSError:
        return
    entry = parse_entry(data)
    if entry is not None and entry.run_id == run_id:
        yield entry


def _indexed(folder: Path, name: str, run_id: str) -> Iterator[IndexEntry]:
    return (entry for entry in entries(folder, name) if entry.run_id == run_id)


def _recorded(folder: Path, run_id: str) -> Iterator[FoundRun]:
    """Yield what the file of events tells, if there is one."""
    try:
        for record in islice(read_records(folder, run_id), _MAX_RECORDS):
            yield FoundRun(run_id, *thread_of(record), folder)
    except OSError:
        return


def _found(entry: IndexEntry, folder: Path) -> FoundRun:
    return FoundRun(entry.run_id, entry.thread_id, entry.cwd, folder)


def _merged(found: FoundRun, other: FoundRun) -> FoundRun:
    # What was found first is closer to the run; a folder where the files lie is better still.
    thread, cwd = found.thread_id or other.thread_id, found.cwd or other.cwd
    name = events_file(found.run_id)
    here = (found.audit_dir / name).is_file() or not (other.audit_dir / name).is_file()
    return FoundRun(found.run_id, thread, cwd, found.audit_dir if here else other.audit_dir)


def _text(fields: Mapping[str, Any], *names: str) -> str | None:
    texts = (text_of(fields.get(name)) for name in names)
    return next((text for text in texts if text), None)
