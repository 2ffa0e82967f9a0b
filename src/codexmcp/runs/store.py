"""What keeps the runs: the port, with `sqlite_store` and `memory_store` behind it.

A store is the truth about states, owners and thread ids. Every method is one atomic step: it has
happened whole, or not at all, whatever is killed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from codexmcp.runs.run import Progress, Run, Submission
from codexmcp.runs.states import RunState


@dataclass(frozen=True, slots=True)
class Owner:
    """Who works on runs.

    Attributes:
        id: Unique for ever; also the name of the lock file that its process holds.
        pid: Its process.
        socket: Path of the socket that it answers on; empty for none.
        group: The runs it may work on.
    """

    id: str
    pid: int
    socket: str
    group: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs may be active at once.

    Attributes:
        total: Of one group.
        per_key: Of one key, whatever their groups.
    """

    total: int = 64
    per_key: int = 16


@dataclass(frozen=True, slots=True)
class Change:
    """What changes in a run beside its state; None leaves a field as it is."""

    thread_id: str | None = None
    turn_id: str | None = None
    reason: str | None = None
    message: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs to list.

    Attributes:
        states: Only runs in these states; None for all.
        cwd: Only runs of this folder; None for all.
        before: Only runs with a lower sequence; None for all.
        limit: How many at most.
    """

    states: Collection[RunState] | None = None
    cwd: str | None = None
    before: int | None = None
    limit: int = 20


class RunStore(Protocol):
    """Keeps runs and their owners.

    Every method raises `StoreError` when the store cannot be read or written.
    """

    def add(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run as queued; return it, and whether it is new.

        It is not new when a run of the same group has the same idempotency key; nothing is
        recorded then.

        Raises:
            StoreError: There is a run of that id.
        """
        ...

    def get(self, run_id: str) -> Run | None:
        """Return a run; None when there is none of that id."""
        ...

    def select(self, selection: Selection) -> list[Run]:
        """Return runs, the newest first."""
        ...

    def ids(self, prefix: str, limit: int) -> list[str]:
        """Return the ids of runs that begin with a text, the newest first, `limit` at most."""
        ...

    def counts(self, group: str) -> Mapping[RunState, int]:
        """Return how many runs of a group are in each state; states without any are left out."""
        ...

    def tally(self, cwd: str | None) -> Mapping[RunState, int]:
        """Return how many runs of a folder are in each state, or of all; as `counts`."""
        ...

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """Take the next queued run of a group for an owner: it is starting then.

        The next is the one of the highest priority, and of those the first one submitted, that is
        not delayed any more, whose key and group are below their limits, and whose thread no other
        active run works on. Its attempt is one higher, its `started_at` is `now` and its
        `turn_id` is None. A delay also ends when the clock was put back to before its beginning.

        Args:
            owner: The owner's id.
            group: Its group.
            limits: How many runs may be active, those of other owners included.
            now: Unix time, in seconds.
        """
        ...

    def change(
        self, run_id: str, to: RunState, change: Change = ..., *, owner: str | None = None
    ) -> Run:
        """Change a run's state (the same state is allowed) and more; return the run.

        A run that is queued again has no `ended_at`; it keeps its place, its owner and its attempt.

        Args:
            run_id: The run.
            to: The new state.
            change: What else changes.
            owner: The change happens only if this is still the run's owner; None does not ask.

        Raises:
            StateError: The run may not go there from its state, is unknown, or has another owner.
        """
        ...

    def note_progress(self, progress: Mapping[str, Progress]) -> None:
        """Record the progress of active runs, by their ids; others are passed over."""
        ...

    def restore(self, runs: Sequence[Mapping[str, Any]]) -> int:
        """Record ended runs that are not known, as audit files tell them; return how many.

        What is no ended run, or lacks its id, request or `created_at`, is passed over.

        Args:
            runs: Fields of `Run` by name, `request` as `RunRequest.to_json` gives it, `state` as
                its word, `progress` left out. `sequence` is left out too: an older `created_at`
                comes first among those restored together.
        """
        ...

    def delete(self, run_ids: Collection[str]) -> int:
        """Forget ended runs; return how many. Others are passed over."""
        ...

    def add_owner(self, owner: Owner) -> None:
        """Record who is about to claim runs; a second word about one owner replaces the first."""
        ...

    def owners(self) -> list[Owner]:
        """Return the owners on record, those that died without a word included; oldest first."""
        ...

    def delete_owner(self, owner_id: str) -> None:
        """Forget an owner."""
        ...

    def owned(self, owner_id: str) -> list[Run]:
        """Return the active runs of an owner, the oldest first."""
        ...

    def close(self) -> None:
        """Let go of the store's files."""
        ...
