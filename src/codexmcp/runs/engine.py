"""The engine port: the only interface between the use cases and an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from codexmcp.data_classes import dataclass
from codexmcp.errors import RunErrorFields, RunErrorKind, RunNotFoundError
from codexmcp.runs.attempt import LiveTurn
from codexmcp.runs.run import Progress, Run, Submission
from codexmcp.runs.states import RunState


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of an engine.

    Attributes:
        active: Number of active runs in this engine.
        counts: Runs of the group by state.
        draining: The engine accepts no further runs.
    """

    active: int
    counts: Mapping[RunState, int]
    draining: bool


def unknown_run(run_id: str) -> RunNotFoundError:
    """Return the error for the id of an unknown run."""
    return RunNotFoundError(
        f"there is no run {run_id!r}", RunErrorKind.NOT_FOUND, RunErrorFields(run_id)
    )


class ActiveRun(Protocol):
    """A run in execution by an engine in this process."""

    @property
    def run(self) -> Run:
        """The run, as stored."""
        ...

    @property
    def progress(self) -> Progress:
        """The progress, ahead of the store."""
        ...

    @property
    def turn(self) -> LiveTurn | None:
        """The turn. None: not begun."""
        ...

    @property
    def ended(self) -> asyncio.Event:
        """Set when the run is over or queued again, and the store has the change."""
        ...


class Engine(Protocol):
    """Accepts and executes runs."""

    async def submit(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run for execution; return the run, and whether the run is new.

        Raises:
            StateError: The engine is draining.
            StoreError: The run cannot be recorded.
        """
        ...

    def active(self, run_id: str) -> ActiveRun | None:
        """Return a run active in this process; None for any other run."""
        ...

    async def cancel(self, run_id: str, reason: str) -> tuple[Run, bool]:
        """Interrupt a run, or withdraw it from the queue.

        Returns:
            The ended run. True: the run was withdrawn, and its files have no ending yet.

        Raises:
            RunNotFoundError: There is no such run.
            StateError: The run is over, or active in another engine.
        """
        ...

    async def serve(self) -> None:
        """Execute runs until cancelled or drained."""
        ...

    async def drain(self, timeout_s: float | None) -> None:
        """Accept no further runs, let the active runs end, and interrupt the rest.

        Args:
            timeout_s: Time for active runs, in seconds. None: the runs' own bounds.
        """
        ...

    async def stats(self) -> Stats:
        """Return counts of runs."""
        ...
