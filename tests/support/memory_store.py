"""Keeps runs in memory, as long as the process lives: the twin of `sqlite_store`.

For tests of what works on a store; the product keeps every run on disk. It does no I/O.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from codexmcp.errors import StoreError
from codexmcp.runs import changes
from codexmcp.runs.run import Claim, Progress, Run, Submission
from codexmcp.runs.states import Phase, RunState
from codexmcp.runs.store import BlockingStore, Change, Limits, Owner, Selection, end_of

_NOTHING = Change()


class MemoryStore(BlockingStore):
    """A `BlockingStore` in memory."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._delays: dict[str, float] = {}
        self._idempotent: dict[str, str] = {}
        self._owners: dict[str, Owner] = {}
        self._sequence = 0

    def add(self, submission: Submission) -> tuple[Run, bool]:
        """See `BlockingStore.add`."""
        key = submission.idempotency_key
        if key is not None and (known := self._idempotent.get(key)):
            return self._runs[known], False
        if submission.id in self._runs:
            raise StoreError(f"there is a run {submission.id} already: submit it under another id")
        self._sequence += 1
        run = changes.queued(submission, self._sequence)
        self._runs[run.id] = run
        self._delays[run.id] = submission.delay_s
        if key is not None:
            self._idempotent[key] = run.id
        return run, True

    def get(self, run_id: str) -> Run | None:
        """See `BlockingStore.get`."""
        return self._runs.get(run_id)

    def select(self, selection: Selection) -> list[Run]:
        """See `BlockingStore.select`."""
        states, cwd = selection.states, selection.cwd
        end = selection.end_before if selection.by_end else 0.0
        bound = [math.inf if each is None else each for each in (end, selection.before)]
        chosen: Iterator[Run] = (
            run
            for run in reversed(self._runs.values())
            if (states is None or run.state in states)
            and (cwd is None or run.request.cwd == cwd)
            and _place(run, selection) < bound
            and selection.thread_id in {None, run.thread_id}
        )
        if selection.by_end:
            chosen = iter(sorted(chosen, key=lambda run: _place(run, selection), reverse=True))
        return list(islice(chosen, max(0, selection.limit)))

    def ids(self, prefix: str, limit: int) -> list[str]:
        """See `BlockingStore.ids`."""
        found = (each for each in reversed(self._runs) if each.startswith(prefix))
        return list(islice(found, max(0, limit)))

    def counts(self, group: str) -> Mapping[RunState, int]:
        """See `BlockingStore.counts`."""
        return dict(Counter(run.state for run in self._runs.values() if run.group == group))

    def tally(self, cwd: str | None) -> Mapping[RunState, int]:
        """See `BlockingStore.tally`."""
        runs = self._runs.values()
        return dict(Counter(run.state for run in runs if cwd in {None, run.request.cwd}))

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """See `BlockingStore.claim`."""
        active = list(self._active())
        if sum(run.group == group for run in active) >= limits.total:
            return None
        per_key = Counter(run.key for run in active)
        threads = {run.thread_id for run in active} - {None}
        queued = [
            run
            for run in self._runs.values()
            if run.state is RunState.QUEUED and run.group == group
        ]
        begun: dict[str | None, int] = {
            run.thread_id: run.sequence
            for run in sorted(queued, key=lambda run: -run.sequence)
            if run.attempt > 0 and run.thread_id is not None
        }
        candidates = [
            run
            for run in queued
            if per_key[run.key] < limits.per_key
            and run.thread_id not in threads
            and begun.get(run.thread_id, run.sequence) == run.sequence
            and not run.created_at <= now < run.created_at + self._delays[run.id]
        ]
        if not candidates:
            return None
        first = min(candidates, key=lambda run: (-run.priority, run.sequence))
        return self._keep(changes.claimed(first, owner, now))

    def change(
        self, run_id: str, to: RunState, change: Change = _NOTHING, *, by: Claim | None = None
    ) -> Run:
        """See `BlockingStore.change`."""
        if (run := self._runs.get(run_id)) is None:
            raise changes.unknown(run_id)
        return self._keep(changes.changed(run, to, change, by))

    def note_progress(self, progress: Mapping[tuple[str, Claim], Progress]) -> None:
        """See `BlockingStore.note_progress`."""
        for run in list(self._active()):
            found = progress.get((run.id, run.claim)) if run.claim else None
            if found is not None:
                self._keep(replace(run, progress=found))

    def restore(self, runs: Sequence[Mapping[str, Any]]) -> int:
        """See `BlockingStore.restore`."""
        before = len(self._runs)
        found = [run for run in map(changes.restored, runs) if run is not None]
        for run in sorted(found, key=lambda run: run.created_at):
            if run.id not in self._runs:
                self._sequence += 1
                self._delays[run.id] = 0.0
                self._keep(replace(run, sequence=self._sequence))
        return len(self._runs) - before

    def delete(self, run_ids: Collection[str]) -> int:
        """See `BlockingStore.delete`."""
        ended = {
            run_id
            for run_id in run_ids
            if run_id in self._runs and self._runs[run_id].state.is_over
        }
        for run_id in ended:
            del self._runs[run_id], self._delays[run_id]
        self._idempotent = {k: known for k, known in self._idempotent.items() if known not in ended}
        return len(ended)

    def add_owner(self, owner: Owner) -> None:
        """See `BlockingStore.add_owner`."""
        self._owners[owner.id] = owner

    def owners(self) -> list[Owner]:
        """See `BlockingStore.owners`."""
        return list(self._owners.values())

    def delete_owner(self, owner_id: str) -> None:
        """See `BlockingStore.delete_owner`."""
        self._owners.pop(owner_id, None)

    def owned(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.owned`."""
        return [run for run in self._active() if run.owner == owner_id]

    def unsettled(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.unsettled`."""
        return [
            run
            for run in self._runs.values()
            if run.state.is_over and run.owner == owner_id and run.phase is not Phase.GIVEN_BACK
        ]

    def close(self) -> None:
        """Do nothing: there are no files."""

    def _active(self) -> Iterable[Run]:
        return (run for run in self._runs.values() if run.state.is_active)

    def _keep(self, run: Run) -> Run:
        self._runs[run.id] = run
        return run


def _place(run: Run, selection: Selection) -> list[float]:
    """Return the place of a run in the order of a selection."""
    return [end_of(run) if selection.by_end else 0.0, run.sequence]
