"""What works on runs: the port, with the embedded engine behind it.

A cluster's engine on another system can take the embedded one's place here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from codexmcp.runs.run import Run, Submission
from codexmcp.runs.states import RunState


@dataclass(frozen=True, slots=True)
class Stats:
    """What an engine has to do.

    Attributes:
        active: Runs that it works on.
        counts: Runs of its group by state.
        draining: Whether it takes no further ones.
    """

    active: int
    counts: Mapping[RunState, int]
    draining: bool


class Engine(Protocol):
    """Takes runs and works on them."""

    def submit(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run to be worked on; return it, and whether it is new.

        Raises:
            StateError: The engine is draining.
            StoreError: It cannot be recorded.
        """
        ...

    async def cancel(self, run_id: str, reason: str) -> Run:
        """Interrupt a run, or withdraw one that waits; return it as it has ended.

        Raises:
            RunNotFoundError: There is no such run.
            StateError: It is over, or another engine works on it.
        """
        ...

    async def serve(self) -> None:
        """Work until cancelled, or until drained."""
        ...

    async def drain(self, timeout_s: float | None) -> None:
        """Take no further runs, let the active ones end, and interrupt those that do not.

        Args:
            timeout_s: How long they may take, in seconds; None waits for their own bounds.
        """
        ...

    def stats(self) -> Stats:
        """Return what there is to do."""
        ...
