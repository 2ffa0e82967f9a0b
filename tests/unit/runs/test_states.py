from __future__ import annotations

import pytest

from codexmcp.runs.states import ACTIVE, OVER, TRANSITIONS, RunState, may_change


def test_every_state_is_queued_active_or_over_and_has_its_changes() -> None:
    assert {RunState.QUEUED} | ACTIVE | OVER == set(RunState)
    assert set(TRANSITIONS) == set(RunState)


@pytest.mark.parametrize("state", sorted(OVER - {RunState.LOST}))
def test_an_ending_is_final(state: RunState) -> None:
    assert not any(may_change(state, after) for after in RunState)


def test_only_what_was_lost_or_not_yet_sent_is_tried_again() -> None:
    again = {before for before in RunState if may_change(before, RunState.QUEUED)}
    assert again == ACTIVE | {RunState.LOST}


def test_nothing_completes_without_having_run() -> None:
    before = {state for state in RunState if may_change(state, RunState.COMPLETED)}
    assert before == {RunState.RUNNING, RunState.WAITING_FOR_APPROVAL, RunState.LOST}


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_whatever_is_active_can_be_interrupted_and_lost(state: RunState) -> None:
    assert may_change(state, RunState.INTERRUPTED)
    assert may_change(state, RunState.LOST)
