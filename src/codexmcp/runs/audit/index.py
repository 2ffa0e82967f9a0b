"""The indexes of runs: append-only files of lines.

The newest line of a run counts. Deleting a run leaves its lines: readers ignore runs without a file
of events, so no appender ever waits for a lock or loses a line to a rewrite.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

from codexmcp.codex.reverse_lines import reversed_lines
from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import text_of
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import CreatedPaths, opened
from codexmcp.runs.audit.lines import Record
from codexmcp.runs.audit.names import PROJECT_INDEX, events_file, run_of_file
from codexmcp.runs.audit.reading import decode
from codexmcp.runs.run import Run

_MAX_SCANNED = 200_000


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An entry of a run in an index.

    Attributes:
        run_id: The run.
        thread_id: The thread. None: not known at the time.
        audit_dir: Folder of the audit files. None: missing in the index.
        cwd: Working folder. None: missing in the index.
        title: A readable name.
        status: The run state, as a word.
        at: Unix time of the line, in seconds. 0: missing.
    """

    run_id: str
    thread_id: str | None = None
    audit_dir: str | None = None
    cwd: str | None = None
    title: str = ""
    status: str = ""
    at: float = 0.0


def index_line(run: Run, at: float) -> Record:
    """Return the line of a run for both indexes."""
    return {
        "runId": run.id,
        "threadId": run.thread_id,
        "auditDir": run.request.audit_dir,
        "cwd": run.request.cwd,
        "title": run.title,
        "status": run.state.value,
        "at": at,
    }


def active_record(run: Run, at: float) -> Record:
    """Return the content of an active run's file."""
    times = {"createdAt": run.created_at, "startedAt": run.started_at}
    return {**index_line(run, at), "turnId": run.turn_id, "attempt": run.attempt, **times}


def append_entry(folder: Path, name: str, line: bytes, made: CreatedPaths) -> None:
    """Append a line to an index, creating a missing folder.

    Raises:
        OSError: The line was not written, or only partly.
    """
    with opened(folder, made) as descriptor:
        files.append_line(descriptor, name, line)


def parse_entry(line: bytes) -> IndexEntry | None:
    """Return the entry of a line; None for a torn or foreign line, or without a run."""
    record = decode(line)
    if record is None:
        return None
    run_id = _text(record, "runId", "run_id", "id")
    if run_id is None or run_of_file(f"{run_id}.jsonl") is None:
        return None
    return IndexEntry(
        run_id,
        thread_id=_text(record, "threadId", "thread_id", "sessionId"),
        audit_dir=_folder(record, "auditDir", "audit_dir", "runDir", "runsDir"),
        cwd=_folder(record, "cwd", "projectRoot", "workdir"),
        title=_text(record, "title", "runName", "run_name", "name") or "",
        status=_text(record, "status", "state") or "",
        at=_time(record),
    )


def entries(folder: Path, name: str) -> Iterator[IndexEntry]:
    """Yield the entries of an index, the newest first; nothing for an unreadable index.

    Args:
        folder: Folder of the index.
        name: `PROJECT_INDEX` or `POINTER_INDEX`.
    """
    try:
        with opened(folder) as folder_fd:
            descriptor = files.open_for_reading(folder_fd, name)
    except OSError:
        return
    try:
        for line in islice(reversed_lines(descriptor), _MAX_SCANNED):
            entry = parse_entry(line)
            if entry is not None:
                yield entry
    except OSError:
        return
    finally:
        os.close(descriptor)


def newest(folder: Path, name: str, limit: int) -> list[IndexEntry]:
    """Return the newest entry of each run with a file of events, the newest first.

    Args:
        folder: Folder of the index.
        name: `PROJECT_INDEX` or `POINTER_INDEX`.
        limit: Largest number of runs.
    """
    seen: set[str] = set()
    found: list[IndexEntry] = []
    for entry in entries(folder, name):
        if len(found) >= limit:
            break
        if entry.run_id in seen:
            continue
        seen.add(entry.run_id)
        place = folder if name == PROJECT_INDEX else Path(entry.audit_dir or folder)
        if (place / events_file(entry.run_id)).is_file():
            found.append(entry)
    return found


def _text(record: Mapping[str, object], *names: str) -> str | None:
    texts = (text_of(record.get(name)) for name in names)
    return next((text for text in texts if text), None)


def _folder(record: Mapping[str, object], *names: str) -> str | None:
    text = _text(record, *names)
    return text if text is not None and Path(text).is_absolute() and "\0" not in text else None


def _time(record: Mapping[str, object]) -> float:
    for name in ("at", "updatedAt", "endedAt", "completedAt", "startedAt", "createdAt"):
        seconds = unix_time(record.get(name))
        if seconds is not None:
            return seconds
    return 0.0


def unix_time(value: object) -> float | None:
    """Return a time in seconds, from seconds, milliseconds or ISO 8601; None for other values."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000 if value > _MILLISECONDS else float(value)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    return None


_MILLISECONDS = 1e11
