"""What events tell about the turn of a root, whatever else is told meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from codexmcp.appserver.events import parse_event
from codexmcp.codex.progress import TurnProgress

ROOT, TURN = "root", "turn-1"


@pytest.fixture
def progress() -> TurnProgress:
    return TurnProgress(ROOT, heard_at=0.0, turn_id=TURN)


def tell(progress: TurnProgress, method: str, **params: Any) -> None:
    event = parse_event(method, {"threadId": ROOT, "turnId": TURN, **params})
    progress.hear(event)
    progress.note(event)


def say(progress: TurnProgress, text: str, **more: Any) -> None:
    item = {"type": "agentMessage", "id": "m", "text": text, **more.pop("item", {})}
    tell(progress, "item/completed", item=item, **more)


def end(progress: TurnProgress, turn: str = TURN) -> None:
    tell(progress, "turn/completed", turn={"id": turn, "status": "completed"})


def test_a_final_answer_stays_the_answer_but_not_the_last_message(progress: TurnProgress) -> None:
    say(progress, "the answer", item={"phase": "final_answer"})
    tell(progress, "item/started", item={"type": "commandExecution", "id": "c"})
    end(progress)
    assert (progress.answer.text, progress.last_message) == ("the answer", "")


def test_the_end_of_a_sub_agent_after_the_answer_takes_nothing_away(progress: TurnProgress) -> None:
    say(progress, "the answer")
    activity = {"type": "subAgentActivity", "id": "a", "kind": "completed"}
    tell(progress, "item/started", item=activity)
    assert (progress.answer.text, progress.last_message) == ("the answer", "the answer")


def test_a_message_before_a_sub_agent_is_spawned_is_commentary(progress: TurnProgress) -> None:
    say(progress, "let me ask")
    tell(progress, "item/started", item={"type": "subAgentActivity", "kind": "started"})
    assert (progress.answer.text, progress.last_message) == ("", "")


def test_other_threads_and_earlier_turns_say_nothing_of_the_turn(progress: TurnProgress) -> None:
    say(progress, "of a child", threadId="child")
    say(progress, "of before", turnId="turn-0")
    end(progress, "turn-0")
    assert (progress.answer.text, progress.end, progress.begun) == ("", None, False)


def test_a_turn_has_begun_with_the_first_event_of_it(progress: TurnProgress) -> None:
    tell(progress, "item/started", item={"type": "reasoning"})
    assert progress.begun


def test_a_further_turn_takes_the_place_of_the_one_that_ended(progress: TurnProgress) -> None:
    say(progress, "first")
    end(progress)
    tell(progress, "turn/started", turn={"id": "turn-2"}, turnId="turn-2")
    assert (progress.turn_id, progress.end, progress.answer.text) == ("turn-2", None, "")


@pytest.mark.parametrize(
    ("status", "goes_on"), [("active", True), ("complete", False), ("budgetLimited", False)]
)
def test_only_an_active_goal_begins_turns(
    progress: TurnProgress, status: str, *, goes_on: bool
) -> None:
    tell(progress, "thread/goal/updated", goal={"status": status})
    assert progress.has_goal is goes_on
    tell(progress, "thread/goal/cleared")
    assert not progress.has_goal


def test_a_recorded_answer_counts_unless_it_is_empty(progress: TurnProgress) -> None:
    say(progress, "heard")
    progress.settle("")
    assert (progress.answer.text, progress.last_message) == ("heard", "heard")
    progress.settle("recorded")
    assert (progress.answer.text, progress.last_message) == ("recorded", "recorded")
