from __future__ import annotations

import pytest

from codexmcp.appserver.final_answer import EMPTY_ANSWER
from codexmcp.errors import ExitCode, exit_code_of
from codexmcp.runs.endings import failure_of
from codexmcp.runs.states import OVER, RunState


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", ExitCode.DONE),
        ("the only command failed", ExitCode.FAILED),
        ("all 12 tool calls failed; sub-agents were stopped: /root/a", ExitCode.FAILED),
        # What is only to be known makes no failure of a run that completed.
        ("sub-agents were stopped: /root/a", ExitCode.DONE),
        ("a goal on this thread was cleared: it would begin turns by itself", ExitCode.DONE),
        (EMPTY_ANSWER, ExitCode.DONE),
    ],
)
def test_a_run_that_completed_succeeded_unless_nothing_worked(reason: str, code: ExitCode) -> None:
    assert exit_code_of(failure_of(RunState.COMPLETED, reason)) == code


@pytest.mark.parametrize("state", sorted(OVER - {RunState.COMPLETED}))
def test_any_other_ending_is_a_failure(state: RunState) -> None:
    assert exit_code_of(failure_of(state, "")) == ExitCode.FAILED
