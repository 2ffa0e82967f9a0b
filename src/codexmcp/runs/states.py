"""The states of a run, the phases of an attempt, and the changes between them.

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
# every active state, lost ──> queued       when another try is safe: nothing was sent to the model,
#                                           or the thread is told to continue


class RunState(StrEnum):
    """The states of a run.

    QUEUED: recorded, and waiting for a supervisor or for its limits.
    STARTING: claimed by a supervisor; no prompt has been sent.
    RUNNING: the prompt may have been sent.
    WAITING_FOR_APPROVAL: a question waits for an answer.
    COMPLETED: Codex ended the turn with a final message.
    FAILED: Codex or the model ended the turn with an error.
    INTERRUPTED: stopped by a person, an agent or the end of the supervisor.
    TIMED_OUT: stopped by the time limit of the run.
    LOST: the supervisor was killed, and Codex has no record of an end.
    """

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
        """An owner is working on the run."""
        return self in ACTIVE

    @property
    def is_over(self) -> bool:
        """The run has ended, as far as known."""
        return self in OVER


_S = RunState

ACTIVE = frozenset({_S.STARTING, _S.RUNNING, _S.WAITING_FOR_APPROVAL})
"""States with an owner at work."""

OVER = frozenset({_S.COMPLETED, _S.FAILED, _S.INTERRUPTED, _S.TIMED_OUT, _S.LOST})
"""States without any further work."""

TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.STARTING, _S.INTERRUPTED, _S.FAILED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.QUEUED}) | (OVER - {_S.COMPLETED}),
    _S.RUNNING: frozenset({_S.WAITING_FOR_APPROVAL, _S.QUEUED}) | OVER,
    _S.WAITING_FOR_APPROVAL: frozenset({_S.RUNNING, _S.QUEUED}) | OVER,
    _S.LOST: frozenset({_S.COMPLETED, _S.FAILED, _S.INTERRUPTED, _S.QUEUED}),
    _S.COMPLETED: frozenset(),
    _S.FAILED: frozenset(),
    _S.INTERRUPTED: frozenset(),
    _S.TIMED_OUT: frozenset(),
}


# One attempt at a run, in order, with the states that it has meanwhile:
#
# starting     claimed ──> thread            nothing was sent to the model
#                            │
# running      maybe_sent ──> turn           the prompt is about to be sent, or was
#                               │
# over         ended ──> audited ──> given_back


class Phase(StrEnum):
    """The progress of an attempt at a run. A queued run has no attempt and no phase.

    CLAIMED: an owner has the run.
    THREAD: the id of its thread is known.
    MAYBE_SENT: the prompt is about to be sent. It may or may not have reached Codex.
    TURN: Codex has begun the turn, and its id is known.
    ENDED: the ending is in the store.
    AUDITED: the ending is in the audit files, too.
    GIVEN_BACK: the thread is unloaded and nothing of the attempt runs any more.
    """

    CLAIMED = "claimed"
    THREAD = "thread"
    MAYBE_SENT = "maybe_sent"
    TURN = "turn"
    ENDED = "ended"
    AUDITED = "audited"
    GIVEN_BACK = "given_back"


_UNSENT = (Phase.CLAIMED, Phase.THREAD)
_SENT = (Phase.MAYBE_SENT, Phase.TURN)
_DONE = (Phase.ENDED, Phase.AUDITED, Phase.GIVEN_BACK)
_PHASES: Mapping[RunState, tuple[Phase, ...]] = {
    _S.QUEUED: (),
    _S.STARTING: _UNSENT,
    _S.RUNNING: _SENT,
    _S.WAITING_FOR_APPROVAL: _SENT,
    **dict.fromkeys(OVER, _DONE),
}


def phases_of(state: RunState) -> tuple[Phase, ...]:
    """Return the possible phases of a run in a state, in order; empty for a queued run."""
    return _PHASES[state]


def phase_in(state: RunState, phase: str | None, *, has_turn: bool) -> Phase | None:
    """Return the phase of a run, even if its recorded phase does not fit its state.

    Version 0.1.0 changes states without phases, and may use the same store. A run is recorded as
    running there before the prompt is sent, so the states imply the phases.

    Args:
        state: The state.
        phase: The recorded phase. None: no record.
        has_turn: The id of the turn is known.
    """
    possible = phases_of(state)
    if phase in possible:
        return Phase(phase)
    if not possible:
        return None
    return Phase.TURN if has_turn and possible is _SENT else possible[0]


def may_change(before: RunState, after: RunState) -> bool:
    """Return whether a transition between two states is allowed."""
    return after in TRANSITIONS[before]
