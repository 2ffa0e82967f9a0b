"""Reads a run's file of events, even if damaged.

Promises: lines that are torn, too long, nested too deep or not JSON are ignored, and memory stays
bounded. Nothing outside the folder is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from codexmcp.appserver.events import Event, parse_event
from codexmcp.codex.reverse_lines import MAX_LINE_BYTES, reversed_lines
from codexmcp.jsonvalues import is_object, object_of, text_of
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened
from codexmcp.runs.audit.lines import FORMAT, Record
from codexmcp.runs.audit.names import events_file

_MAX_BACKWARDS_BYTES = 16 * 1024 * 1024


def decode(line: bytes) -> Record | None:
    """Return the JSON object in a line; None for any other line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if is_object(value) else None


def read_records(
    folder: Path, run_id: str, *, start: int = 0, stop: int | None = None
) -> Iterator[Record]:
    """Yield the lines of a run's file of events, decoded.

    Args:
        folder: Folder of the audit files.
        run_id: The run.
        start: First offset, in bytes; the rest of a line begun before is ignored.
        stop: Bound on the offset of a line's beginning, in bytes. None: the end of the file.

    Raises:
        OSError: The file is missing, a link, or cannot be read.
        AuditError: The id is not safe for file names.
    """
    with opened(folder) as folder_fd:
        descriptor = files.open_for_reading(folder_fd, events_file(run_id))
    with os.fdopen(descriptor, "rb") as file:
        file.seek(start)
        if start:
            _skip_line(file)
        for line in _lines(file, stop):
            record = decode(line)
            if record is not None:
                yield record


def last_records(folder: Path, run_id: str) -> Iterator[Record]:
    """Yield the last lines of a run's file of events, in reverse order; see `read_records`."""
    with opened(folder) as folder_fd:
        descriptor = files.open_for_reading(folder_fd, events_file(run_id))
    try:
        left = _MAX_BACKWARDS_BYTES
        for line in reversed_lines(descriptor):
            record = decode(line)
            if record is not None:
                yield record
            left -= len(line)
            if left < 0:
                return
    finally:
        os.close(descriptor)


def is_header(record: Record) -> bool:
    """Return whether a line is the header of a run's file."""
    return record.get("format") == FORMAT


def event_of(record: Record) -> Event | None:
    """Return the event of a line; None for a line without an event."""
    method = text_of(record.get("method"))
    return parse_event(method, object_of(record.get("params"))) if method else None


def events(folder: Path, run_id: str) -> Iterator[tuple[float | None, Event]]:
    """Yield the events of a run with their times, in order; see `read_records`."""
    for record in read_records(folder, run_id):
        event = event_of(record)
        if event is not None:
            at = record.get("at")
            yield (at if isinstance(at, int | float) else None), event


def _lines(file: BinaryIO, stop: int | None) -> Iterator[bytes]:
    while (stop is None or file.tell() < stop) and (line := file.readline(MAX_LINE_BYTES)):
        if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
            _skip_line(file)
        else:
            yield line


def _skip_line(file: BinaryIO) -> None:
    while line := file.readline(MAX_LINE_BYTES):
        if line.endswith(b"\n"):
            return
