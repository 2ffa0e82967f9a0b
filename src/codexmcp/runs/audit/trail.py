"""The audit files of one run, during writing.

Promises: `open` proves the files writable, or leaves nothing behind. After `open` nothing here
raises: unwritten lines are counted, and reported in the file and in the log. Holds one file
descriptor. Used from one thread.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.events import Event, parse_event
from codexmcp.errors import AuditError
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs.audit import files, lines
from codexmcp.runs.audit.appender import Appender
from codexmcp.runs.audit.folders import (
    POINTER_DIR_SETTING,
    RUN_DIR_SETTING,
    CreatedPaths,
    audit_error,
    opened,
    opened_inner,
)
from codexmcp.runs.audit.index import active_record, append_entry, index_line
from codexmcp.runs.audit.names import (
    ACTIVE,
    POINTER_INDEX,
    PROJECT_INDEX,
    SUFFIXES,
    active_file,
    events_file,
    stderr_file,
)
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.rewriting import note_existing, write_summary
from codexmcp.runs.audit.summary import SummaryBuilder
from codexmcp.runs.run import Run

logger = logging.getLogger(__name__)

MAX_STDERR_BYTES = 8 * 1024 * 1024
"""Bound on the kept stderr of Codex."""


class AuditTrail:
    """The writer of one run's audit files. Created by `open` and `reopen`."""

    def __init__(self, run: Run, pointer_dir: Path, redactor: Redactor) -> None:
        self._run = redactor.run(run)
        self._folder = Path(run.request.audit_dir)
        self._pointer_dir = pointer_dir
        self._redactor = redactor
        self._notes = SummaryBuilder()
        self._appender: Appender | None = None
        self._lost = self._written = 0
        self._warned = self._told_unknown = False

    @classmethod
    def open(cls, run: Run, *, pointer_dir: Path, redactor: Redactor) -> AuditTrail:
        """Begin the audit files of a new run.

        Args:
            run: The run; `request.audit_dir` is the folder, created if missing.
            pointer_dir: The folder of the index of all projects, created if missing.
            redactor: Removes secrets from all written text.

        Raises:
            AuditError: The files cannot be written, or the run has files already.
        """
        trail = cls(run, pointer_dir, redactor)
        made = CreatedPaths()
        path, setting = trail._folder / events_file(run.id), RUN_DIR_SETTING
        try:
            with opened(trail._folder, made) as folder:
                trail._start(folder, os.O_CREAT | os.O_EXCL)
                try:
                    trail._prove(folder)
                    path, setting = pointer_dir / POINTER_INDEX, POINTER_DIR_SETTING
                    append_entry(pointer_dir, POINTER_INDEX, trail._index_line(), made)
                    path, setting = trail._folder / PROJECT_INDEX, RUN_DIR_SETTING
                    files.append_line(folder, PROJECT_INDEX, trail._index_line())
                except OSError:
                    trail._remove(folder)
                    raise
        except OSError as error:
            made.undo()
            raise audit_error(path, error, setting) from error
        return trail

    @classmethod
    def reopen(cls, run: Run, *, pointer_dir: Path, redactor: Redactor) -> AuditTrail:
        """Continue the audit files of a run, begun by another trail.

        Never raises: deleted files are begun again, and without a folder nothing is kept.
        """
        trail = cls(run, pointer_dir, redactor)
        try:
            with opened(trail._folder) as folder:
                trail._start(folder, 0)
            note_existing(trail._notes, trail._folder, run.id)
        except FileNotFoundError:
            trail._begin_anew()
        except (OSError, AuditError) as error:
            trail._warn(error)
        return trail

    @property
    def lost(self) -> int:
        """Number of lines that could not be written, or were deleted."""
        return self._lost

    def event(self, event: Event, agent: str = "") -> None:
        """Record an event of Codex; pieces of a later event are left out.

        Args:
            event: The event.
            agent: Path of the event's sub-agent; empty for the root.
        """
        if lines.is_piece(event.method):
            return
        line = self._write(lines.event_line(event, time.time(), agent))
        clean = parse_event(event.method, object_of(line.get("params")))
        self._notes.note(clean, text_of(line.get("agent")) or "")

    def approval(self, question: Mapping[str, Any], decision: str | None, by: str) -> None:
        """Record a question of Codex with its answer.

        Args:
            question: Codex's question.
            decision: The answer. None: still open.
            by: Person or program behind the decision.
        """
        line = self._write(lines.approval_line(question, decision, by, time.time()))
        if decision is not None:
            self._notes.note_approval(object_of(line.get("approval")), decision, by)

    def stderr(self, line: str) -> None:
        """Record a stderr line of Codex."""
        data = f"{self._redactor.text(line.rstrip())}\n".encode(errors="replace")
        with self._tolerated(), opened(self._folder) as folder:
            files.append_bounded(folder, stderr_file(self._run.id), data, MAX_STDERR_BYTES)

    def state(self, run: Run) -> None:
        """Record the current state. An ended run gets its summary and loses its active mark."""
        self._run = self._redactor.run(run)
        if self._appender is None:
            self._begin_anew()
        self._write(lines.state_line(run, time.time(), self._notes.unknown))
        if run.state.is_over:
            self._warn_of_unknown()
        with self._tolerated(), opened(self._folder) as folder:
            self._mark_active(folder)
            files.append_line(folder, PROJECT_INDEX, self._index_line())
            if run.state.is_over:
                write_summary(folder, self._run, self._notes)
        with self._tolerated():
            append_entry(self._pointer_dir, POINTER_INDEX, self._index_line(), CreatedPaths())

    def close(self) -> None:
        """Close the files."""
        if self._appender is not None:
            self._appender.close()
            self._appender = None

    def discard(self) -> None:
        """Remove the files of a run that was not accepted after all."""
        with self._tolerated(), opened(self._folder) as folder:
            self._remove(folder)
        self.close()

    def _start(self, folder: int, making: int) -> None:
        descriptor = files.open_for_appending(folder, events_file(self._run.id), making)
        self._appender = Appender(descriptor, self._lost_line)

    def _prove(self, folder: int) -> None:
        """Write the first lines and the mark of an active run, raising on failure."""
        assert self._appender is not None
        self._write(lines.header_line(self._run))
        self._write(lines.state_line(self._run, time.time()))
        if self._appender.trouble is not None:
            raise self._appender.trouble
        self._appender.sync()
        self._mark_active(folder)

    def _remove(self, folder: int) -> None:
        for suffix in SUFFIXES:
            files.remove(folder, f"{self._run.id}{suffix}")
        with contextlib.suppress(OSError), opened_inner(folder, ACTIVE) as active:
            files.remove(active, active_file(self._run.id))
        with contextlib.suppress(OSError):
            os.rmdir(ACTIVE, dir_fd=folder)
        # Last: unlocked files look like those of a run with a dead writer.
        self.close()

    def _begin_anew(self) -> None:
        """Create deleted files again, unless the whole project is gone."""
        gone, self._written = self._written, 0
        self._lost += gone
        self.close()
        cwd = Path(self._run.request.cwd)
        with self._tolerated():
            if self._folder.is_relative_to(cwd) and not cwd.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            with opened(self._folder, CreatedPaths()) as folder:
                self._start(folder, os.O_CREAT)
            if self._appender is not None and self._appender.is_empty:
                self._write(lines.header_line(self._run))
                if gone:
                    self._appender.append(self._lost_line(gone))

    def _write(self, line: lines.Record) -> lines.Record:
        """Write a line if possible; return the line without its secrets."""
        try:
            clean = self._redactor.fields(line)
        except RecursionError:
            # A line that cannot be searched for secrets cannot be kept.
            whole = {name: each for name, each in line.items() if isinstance(each, str | float)}
            clean = self._redactor.fields({**whole, "cut": "nested too deep"})
        if self._appender is not None and self._appender.is_unlinked:
            self._begin_anew()
        if self._appender is not None and self._appender.append(lines.encode(clean)):
            self._written += 1
            return clean
        self._lost += 1
        if self._appender is not None and self._appender.trouble is not None:
            self._warn(self._appender.trouble)
        return clean

    def _mark_active(self, folder: int) -> None:
        name = active_file(self._run.id)
        with opened_inner(folder, ACTIVE, make=True) as active:
            if self._run.state.is_over:
                files.remove(active, name)
            else:
                files.replace(active, name, lines.encode(active_record(self._run, time.time())))

    def _index_line(self) -> bytes:
        return lines.encode(self._redactor.fields(index_line(self._run, time.time())))

    def _lost_line(self, count: int) -> bytes:
        return lines.encode(lines.lost_line(count, time.time()))

    @contextlib.contextmanager
    def _tolerated(self) -> Generator[None]:
        try:
            yield
        except (OSError, AuditError) as error:
            self._warn(error)

    def _warn_of_unknown(self) -> None:
        if self._notes.unknown and not self._told_unknown:
            self._told_unknown = True
            counts = ", ".join(f"{name} ({n})" for name, n in self._notes.unknown.items())
            logger.warning(
                "Codex sent what this codexmcp does not know, in run %s: %s; `codexmcp codex "
                "check` compares this Codex with the tested builds",
                self._run.id,
                counts,
            )

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "the audit of run %s in %s is not complete: %s", self._run.id, self._folder, error
            )
