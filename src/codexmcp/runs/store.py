"""The store of runs: the port for use cases, and the blocking port for programs without a loop.

A store is the truth about states, owners and thread ids. Every method is one atomic step, complete
or without effect after any kill.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from codexmcp.data_classes import dataclass, replace
from codexmcp.runs.run import Claim, Progress, Run, Submission
from codexmcp.runs.states import Phase, RunState


@dataclass(frozen=True, slots=True)
class Owner:
    """A process at work on runs.

    Attributes:
        id: Unique forever; also the name of the process's lock file.
        pid: Process id.
        socket: Path of the owner's socket; empty without a socket.
        group: The group of the owner's runs.
    """

    id: str
    pid: int
    socket: str
    group: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on active runs.

    Attributes:
        total: In one group.
        per_key: Of one key, across groups.
    """

    total: int = 64
    per_key: int = 16


@dataclass(frozen=True, slots=True)
class Change:
    """Changed fields of a run beside the state. None: unchanged.

    Without a phase, a run in a new state gets the first phase of the state.

    Attributes:
        is_retry: The run was lost and is queued again, in one step: nobody sees the run as over,
            and no other run takes its thread meanwhile.
    """

    thread_id: str | None = None
    turn_id: str | None = None
    reason: str | None = None
    message: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    progress: Progress | None = None
    phase: Phase | None = None
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of runs for a list.

    Attributes:
        states: Only runs in these states. None: all.
        cwd: Only runs of this folder. None: all.
        before: Only runs with a lower sequence. None: all.
        limit: Largest number of runs.
        thread_id: Only runs of this thread, of any state and folder. None: all.
        by_end: Order by the end (see `end_of`) instead of by submission.
        end_before: With `by_end`: only runs with an earlier end, or with this end and a sequence
            below `before`. None: all.
    """

    states: Collection[RunState] | None = None
    cwd: str | None = None
    before: int | None = None
    limit: int = 20
    thread_id: str | None = None
    by_end: bool = False
    end_before: float | None = None

    def following(self, last: Run) -> Selection:
        """Return the selection of the runs after the last run of this selection."""
        return replace(self, before=last.sequence, end_before=end_of(last) if self.by_end else None)


def end_of(run: Run) -> float:
    """Return the end of a run in Unix time; without a recorded end, its submission."""
    return run.created_at if run.ended_at is None else run.ended_at


class BlockingStore(Protocol):
    """Runs and their owners.

    Every method raises `StoreError` if the store cannot be read or written.
    """

    def add(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run as queued; return the run, and whether the run is new.

        An earlier run with the same idempotency key, of any group, is returned instead; then
        nothing is recorded.

        Raises:
            StoreError: The id is taken.
        """
        ...

    def get(self, run_id: str) -> Run | None:
        """Return a run; None for an unknown id."""
        ...

    def select(self, selection: Selection) -> list[Run]:
        """Return runs, the newest first: by submission, or by end."""
        ...

    def ids(self, prefix: str, limit: int) -> list[str]:
        """Return the ids of runs with a prefix, the newest first, at most `limit`."""
        ...

    def counts(self, group: str) -> Mapping[RunState, int]:
        """Return the number of a group's runs in each state, without empty states."""
        ...

    def tally(self, cwd: str | None) -> Mapping[RunState, int]:
        """Return the number of runs of a folder, or of all folders, in each state; see `counts`."""
        ...

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """Claim the next queued run of a group for an owner; the run is then starting.

        The next run has the highest priority and, within a priority, the earliest submission, among
        runs whose delay is over, with a key and a group below their limits, and with a thread free
        of other active runs. On a thread, a run of the group queued again comes first. The attempt
        increases by one, the phase is `claimed`, `started_at` is `now` and `turn_id` is None. A
        delay also ends if the clock was set back to before its beginning.

        Args:
            owner: The owner's id.
            group: The owner's group.
            limits: Bounds on active runs, those of other owners included.
            now: Unix time, in seconds.
        """
        ...

    def change(
        self, run_id: str, to: RunState, change: Change = ..., *, by: Claim | None = None
    ) -> Run:
        """Change a run's state (the same state is allowed) and other fields; return the run.

        A run queued again has no `ended_at`; place, owner and attempt stay, and a retry is counted
        as such. A queued run belongs to no attempt, its last attempt included.

        Args:
            run_id: The run.
            to: The new state.
            change: Other changed fields.
            by: The required present or last claim, of a run that is not queued. None: no check.

        Raises:
            StateError: The transition is not allowed from the state or phase, or the run is
                unknown, or
                belongs to another owner or attempt.
        """
        ...

    def note_progress(self, progress: Mapping[tuple[str, Claim], Progress]) -> None:
        """Record the progress of active runs, by their ids and claims; other runs are ignored."""
        ...

    def restore(self, runs: Sequence[Mapping[str, Any]]) -> int:
        """Record ended and unknown runs from audit files; return the number of recorded runs.

        Entries of other runs, or without id, request or `created_at`, are ignored.

        Args:
            runs: Fields of `Run` by name, `request` from `RunRequest.to_json`, `state` as its word,
                without `progress`. `sequence` is missing, too: within a call, an older `created_at`
                    comes
                first.
        """
        ...

    def delete(self, run_ids: Collection[str]) -> int:
        """Delete ended runs; return the number of deleted runs. Other runs are ignored."""
        ...

    def add_owner(self, owner: Owner) -> None:
        """Record an owner before its first claim; a second record replaces the first."""
        ...

    def owners(self) -> list[Owner]:
        """Return the recorded owners, oldest first; owners that were killed are included."""
        ...

    def delete_owner(self, owner_id: str) -> None:
        """Delete an owner."""
        ...

    def owned(self, owner_id: str) -> list[Run]:
        """Return the active runs of an owner, the oldest first."""
        ...

    def unsettled(self, owner_id: str) -> list[Run]:
        """Return the ended runs of an owner that are not given back, the oldest first."""
        ...

    def close(self) -> None:
        """Close the store's files."""
        ...


class RunStore(Protocol):
    """The steps of a `BlockingStore` for the use cases, without blocking the event loop.

    A hanging store, for example behind a lock or on a slow disk, delays only the step. Steps run in
    the order of the calls. The step of a cancelled call may have been done.
    """

    async def add(self, submission: Submission) -> tuple[Run, bool]:
        """See `BlockingStore.add`."""
        ...

    async def get(self, run_id: str) -> Run | None:
        """See `BlockingStore.get`."""
        ...

    async def select(self, selection: Selection) -> list[Run]:
        """See `BlockingStore.select`."""
        ...

    async def counts(self, group: str) -> Mapping[RunState, int]:
        """See `BlockingStore.counts`."""
        ...

    async def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """See `BlockingStore.claim`."""
        ...

    async def change(
        self, run_id: str, to: RunState, change: Change = ..., *, by: Claim | None = None
    ) -> Run:
        """See `BlockingStore.change`."""
        ...

    async def note_progress(self, progress: Mapping[tuple[str, Claim], Progress]) -> None:
        """See `BlockingStore.note_progress`."""
        ...

    async def add_owner(self, owner: Owner) -> None:
        """See `BlockingStore.add_owner`."""
        ...

    async def owners(self) -> list[Owner]:
        """See `BlockingStore.owners`."""
        ...

    async def delete_owner(self, owner_id: str) -> None:
        """See `BlockingStore.delete_owner`."""
        ...

    async def owned(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.owned`."""
        ...

    async def unsettled(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.unsettled`."""
        ...
