"""`codexmcp runs tail`: the events of a run, from its file, without a supervisor."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from codexmcp.cli.options.runs import TailOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.runs.telling import Teller
from codexmcp.data_classes import dataclass
from codexmcp.errors import AuditError, ExitCode, RunNotFoundError, StoreError
from codexmcp.runs.audit.finding import find_folder
from codexmcp.runs.audit.following import EventFile
from codexmcp.runs.audit.reading import decode
from codexmcp.runs.states import OVER, RunState

POLL_S = 0.2

GRACE_S = 2.0
"""Bound on the last lines of a completed run, in seconds."""


@dataclass(frozen=True, slots=True)
class _Source:
    run_id: str
    folder: Path


def tail_run(options: TailOptions, output: Output) -> int:
    """Show the events of a run, with `--follow` until its end.

    Raises:
        RunNotFoundError: The name is unknown.
        AuditError: The file of events is missing or cannot be read.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        source = _source(place, options.run)
        file = EventFile(source.folder, source.run_id)
        view = _View(output, is_raw=options.raw or output.is_json, last=options.lines)
        with contextlib.closing(file):
            try:
                _watch(file, view, _ending(place, source.run_id, follow=options.follow))
                if options.follow and not view.is_lost:
                    _tell_of_loss(place, source.run_id, view, output)
            except OSError as error:
                raise AuditError(
                    f"cannot read {file.path}: {error.strerror}; make it readable for this user"
                ) from error
        if not file.was_seen:
            raise AuditError(
                f"run {source.run_id} has no file of events at {file.path}: it was deleted, or "
                "could never be written; `codexmcp runs show` prints the record in the store"
            )
    return ExitCode.DONE


def _tell_of_loss(place: Place, run_id: str, view: _View, output: Output) -> None:
    """Report the reason of an unfinished file of events."""
    if view.is_over:
        return
    with contextlib.suppress(StoreError):
        run = place.directory.find(run_id)
        if run is not None and run.state is RunState.LOST:
            output.trouble(f"run {run_id}: {run.state}: {run.reason}")


class _View:
    """Shows lines as they come."""

    def __init__(self, output: Output, *, is_raw: bool, last: int | None) -> None:
        self._output = output
        self._is_raw = is_raw
        self._teller = Teller()
        self._held: deque[str] | None = None if last is None else deque(maxlen=last)
        self.is_over = False

    @property
    def is_lost(self) -> bool:
        return self._output.is_lost

    def take(self, line: bytes) -> None:
        """Take a line of the file; torn and damaged lines are skipped."""
        record = decode(line)
        if record is None:
            return
        if "state" in record:
            self.is_over = record["state"] in OVER
        told = line.decode(errors="replace") if self._is_raw else self._teller.tell(record)
        if told is None:
            return
        if self._held is None:
            self._output.say(told)
        else:
            self._held.append(told)

    def release(self) -> None:
        """Show what was held back to begin with the last lines only."""
        held, self._held = self._held, None
        for told in held or ():
            self._output.say(told)


def _watch(file: EventFile, view: _View, is_over: Callable[[_View], bool]) -> None:
    over_since: float | None = None
    while not view.is_lost:
        # Asked first: what was written before the run was over is read afterwards.
        if is_over(view):
            over_since = over_since if over_since is not None else time.monotonic()
        else:
            over_since = None
        for line in file.new_lines():
            view.take(line)
            if view.is_lost:
                return
        view.release()
        if over_since is not None and (
            view.is_over or not file.was_seen or time.monotonic() - over_since > GRACE_S
        ):
            break
        time.sleep(POLL_S)
    view.take(file.torn_line())


def _ending(place: Place, run_id: str, *, follow: bool) -> Callable[[_View], bool]:
    """Return what tells whether nothing more is to come."""

    def is_over(view: _View) -> bool:
        try:
            run = place.directory.find(run_id)
        except StoreError:
            # What the file says has to do.
            return view.is_over
        return view.is_over if run is None else run.state.is_over

    def is_enough(view: _View) -> bool:
        view.is_over = True
        return True

    return is_over if follow else is_enough


def _source(place: Place, name: str) -> _Source:
    """Return the folder of a run's events, also for a run outside of the store."""
    try:
        run = naming.find(place.directory, name)
    except RunNotFoundError:
        places = place.audit_folders()
        folder = find_folder(name, pointer_dir=place.directory.folder, audit_dirs=places)
        if folder is None:
            raise
        return _Source(name, folder)
    return _Source(run.id, Path(run.request.audit_dir))
