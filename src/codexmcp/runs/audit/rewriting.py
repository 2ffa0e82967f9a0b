"""Writes the readable summary of a run, from memory or from the file of events."""

from __future__ import annotations

from pathlib import Path

from codexmcp.runs.audit import files
from codexmcp.runs.audit.markdown import render
from codexmcp.runs.audit.names import events_file, summary_file
from codexmcp.runs.audit.reading import read_records
from codexmcp.runs.audit.summary import SummaryBuilder
from codexmcp.runs.run import Run

MAX_READ_BYTES = 4 * 1024 * 1024
"""Of a larger file only the beginning and the end are read while a caller waits."""

_END_BYTES = 1024 * 1024


def write_summary(folder: int, run: Run, notes: SummaryBuilder) -> None:
    """Write the readable summary of a run, atomically.

    Args:
        folder: Descriptor of the folder of the audit files.
        run: The run, already redacted.
        notes: Facts from the events.

    Raises:
        OSError: The summary cannot be written.
    """
    files.replace(folder, summary_file(run.id), render(run, notes).encode(errors="replace"))


def note_existing(notes: SummaryBuilder, folder: Path, run_id: str) -> None:
    """Read the existing file of events into the notes; the middle of a large file is left out.

    Raises:
        OSError: The file cannot be read.
    """
    size = (folder / events_file(run_id)).stat(follow_symlinks=False).st_size
    spans: list[tuple[int, int | None]] = [(0, None)]
    if size > MAX_READ_BYTES:
        spans = [(0, _END_BYTES), (size - _END_BYTES, None)]
        notes.has_gap = True
    for start, stop in spans:
        for record in read_records(folder, run_id, start=start, stop=stop):
            notes.note_record(record)
