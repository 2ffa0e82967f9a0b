"""The end of a run whose app-server died."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from codexmcp.appserver.events import parse_event
from codexmcp.errors import AppServerClosedError
from codexmcp.runs import recovery
from codexmcp.runs.attempt import Attempt
from codexmcp.runs.endings import Ending
from codexmcp.runs.execution import Executor
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState


def attempt() -> Attempt:
    """Return an attempt whose model has said `seen`."""
    run = Run("r", 1, RunRequest("do it", "/w", "/none"), RunState.RUNNING, "g", "/w", 0, 1.0)
    made = Attempt(run, lambda _attempt: None)
    item = {"type": "agentMessage", "id": "m", "text": "seen", "phase": None}
    made.note(parse_event("item/completed", {"threadId": "t", "turnId": "u", "item": item}))
    return made


@pytest.mark.parametrize(("recorded", "message"), [("", "seen"), ("on record", "on record")])
async def test_a_message_that_codex_has_not_recorded_is_the_one_that_was_seen(
    monkeypatch: pytest.MonkeyPatch, recorded: str, message: str
) -> None:
    async def fate_of(*_: object) -> Ending:
        return Ending(RunState.COMPLETED, "", recorded)

    monkeypatch.setattr(recovery, "fate_of", fate_of)
    source = SimpleNamespace(failure_cause="")
    needs = SimpleNamespace(desk=SimpleNamespace(source=source), reopen=None, store=None)
    executor = Executor(cast("Any", needs))
    ending = await executor._settled(attempt(), AppServerClosedError("killed"))
    assert (ending.state, ending.message) == (RunState.COMPLETED, message)
