"""The states of a run and the changes between them.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

# queued ──> starting ──> running <──> waiting_for_approval
#   │           │            │                 │
#   │           ├────────────┴─────────────────┤
#   v           v                              v
# interrupted   completed, failed, interrupted, timed_out, lost
#
# lost ──> completed, failed, interrupted   when Codex has recorded an ending after all
# starting, running, lost ──> queued        when another try is safe: nothing was sent to the model,
#                                           or the thread is told to continue


class RunState(StrEnum):
    """How a run stands."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    TIMED_OUT = "timed_out"
    LOST = "lost"

    @property
    def is_active(self) -> bool:
        """Whether somebody works on the run."""
        return self in ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, as far as is known."""
        return self in OVER


_S = RunState

ACTIVE = frozenset({_S.STARTING, _S.RUNNING, _S.WAITING_FOR_APPROVAL})
"""Somebody works on the run, and it has an owner."""

OVER = frozenset({_S.COMPLETED, _S.FAILED, _S.INTERRUPTED, _S.TIMED_OUT, _S.LOST})
"""Nobody works on the run any more."""

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.STARTING, _S.INTERRUPTED, _S.FAILED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.QUEUED}) | (OVER - {_S.COMPLETED}),
    _S.RUNNING: frozenset({_S.WAITING_FOR_APPROVAL, _S.QUEUED}) | OVER,
    _S.WAITING_FOR_APPROVAL: frozenset({_S.RUNNING}) | OVER,
    _S.LOST: frozenset({_S.COMPLETED, _S.FAILED, _S.INTERRUPTED, _S.QUEUED}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.INTERRUPTED: frozenset(),
    _S.TIMED_OUT: frozenset(),
}


def may_change(before: RunState, after: RunState) -> bool:
    """Return whether a run may go from one state to another."""
    return after in TRANSITIONS[before]
