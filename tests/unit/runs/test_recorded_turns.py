from __future__ import annotations

from typing import Any

import pytest

from codexmcp.errors import AppServerClosedError
from codexmcp.runs import endings
from codexmcp.runs.states import RunState


def turn(turn_id: str, prompt: str, started_at: int | None) -> dict[str, Any]:
    content = [{"type": "text", "text": prompt}]
    return {
        "id": turn_id,
        "status": "completed",
        "startedAt": started_at,
        "items": [{"type": "userMessage", "content": content}],
    }


THREAD = {"turns": [turn("a", "go on", 100), turn("b", "other", 200), turn("c", "go on", 300)]}


def found(turn_id: str | None, prompt: str, since: float) -> object:
    recorded = endings.recorded(THREAD, turn_id, prompt, since)
    return None if recorded is None else recorded["id"]


def test_a_turn_is_found_by_its_id_whenever_it_began() -> None:
    assert found("a", "go on", 10_000.0) == "a"
    assert found("unknown", "go on", 0.0) is None


def test_without_an_id_the_last_turn_with_the_prompt_counts() -> None:
    assert found(None, "go on", 0.0) == "c"
    assert found(None, "other", 0.0) == "b"


def test_a_turn_that_began_before_the_run_is_not_its_own() -> None:
    assert found(None, "go on", 300.9) == "c"
    assert found(None, "go on", 301.0) is None


def test_a_turn_without_a_time_may_be_the_one() -> None:
    thread = {"turns": [turn("a", "go on", None)]}
    assert endings.recorded(thread, None, "go on", 500.0) is not None


@pytest.mark.parametrize(("again", "state"), [(True, RunState.QUEUED), (False, RunState.FAILED)])
def test_what_was_not_sent_waits_again_or_fails_with_the_cause(
    *, again: bool, state: RunState
) -> None:
    ending = endings.of_start(AppServerClosedError("it is gone", "no luck"), again=again)
    assert ending.state is state
    assert "it is gone\nno luck" in ending.reason
