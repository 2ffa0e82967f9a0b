"""The audit of a run as lines of text."""

from __future__ import annotations

import re
from pathlib import Path

from codexmcp.errors import AuditError
from codexmcp.picker.text import clean_lines
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened
from codexmcp.runs.audit.markdown import render
from codexmcp.runs.audit.names import summary_file
from codexmcp.runs.audit.reading import read_records
from codexmcp.runs.audit.summary import SummaryBuilder
from codexmcp.runs.run import Run

MAX_BYTES = 4 * 1024 * 1024
"""Bound on the read part of an audit file."""

_ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>()#+!|~&-])")


def audit_lines(run: Run) -> list[str]:
    """Return the audit of a run: the summary, or the events until now.

    For a run without audit files, the lines come from the store.
    """
    folder = Path(run.request.audit_dir)
    text = _summary(folder, run) if run.state.is_over else None
    return readable(text or _so_far(folder, run))


def readable(markdown: str) -> list[str]:
    """Return Markdown as lines for a terminal, without escapes and fences."""
    lines: list[str] = []
    fence = ""
    for line in clean_lines(markdown):
        mark = line.strip()
        if fence and mark == fence:
            fence = ""
        elif not fence and mark.startswith("```"):
            fence = mark.rstrip("abcdefghijklmnopqrstuvwxyz")
        else:
            lines.append(f"  {line}" if fence else _ESCAPED.sub(r"\1", line))
    return lines


def _summary(folder: Path, run: Run) -> str | None:
    try:
        with opened(folder) as folder_fd:
            return files.read(folder_fd, summary_file(run.id), MAX_BYTES).decode(errors="replace")
    except (OSError, AuditError):
        return None


def _so_far(folder: Path, run: Run) -> str:
    notes = SummaryBuilder()
    try:
        for record in read_records(folder, run.id, stop=MAX_BYTES):
            notes.note_record(record)
    except (OSError, AuditError):
        return f"{render(run, notes)}\n(No audit files; this is the record in the store.)\n"
    return render(run, notes)
