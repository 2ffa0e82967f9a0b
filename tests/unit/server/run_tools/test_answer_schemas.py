"""Each answer of a run tool fits the schema of the tool, and what is no answer does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from codexmcp.appserver.answers import Question, kind_of
from codexmcp.appserver.events import TokenUsage
from codexmcp.jsonrpc.messages import Request
from codexmcp.runs.approvals import DECISIONS, Approval
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import RunState
from codexmcp.server.run_tools import answers
from codexmcp.server.run_tools.answer_schemas import KINDS
from codexmcp.server.run_tools.definitions import DECISIONS as OFFERED
from tests.support.tool_answers import all_definitions, fitting

STARTING = ("codex_run", "codex_resume", "codex_fork")
REQUEST = RunRequest(prompt="p", cwd="/w", audit_dir="/w/.codex", timeout_s=1.5)
FORM = {
    "message": "Which?",
    "mode": "form",
    "requestedSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
LINK = {"message": "Log in.", "mode": "url", "url": "https://example.org", "elicitationId": "1"}


def runs() -> Iterator[Run]:
    """Yield a run in every state, with all that it may have and with nothing of it."""
    goal = replace(REQUEST, timeout_s=None, goal_tokens=5)
    for state in RunState:
        bare = Run("run-1", 1, REQUEST, state, "group", "/w", 0, 0.0)
        yield bare
        yield replace(
            bare,
            request=goal,
            thread_id="thread-1",
            reason="why",
            message="m" * (answers.PAGE_CHARACTERS + 1),
            progress=Progress(3, TokenUsage(total_tokens=9), last_step="says: m"),
        )


def test_a_run_in_every_state_fits_in_every_answer() -> None:
    for run in runs():
        for tool in STARTING:
            fitting(tool, answers.handle(run))
        fitting("codex_runs", {"runs": [answers.listed(run)], "nextCursor": "1"})
        for tool in ("codex_interrupt", "codex_steer"):
            fitting(tool, answers.acted(run))
        for next_wait_s in (None, 0.5):
            told = answers.waited(run, elapsed_s=0.5, next_wait_s=next_wait_s)
            fitting("codex_wait", told)
            fitting("codex_wait", {"status": "done", "runs": [told, told]})
        if run.state.is_over:
            fitting("codex_result", answers.page_of(run, 1))
            for tool in STARTING:
                fitting(tool, answers.result(run).fields)
        else:
            fitting("codex_active_runs", {"runs": [answers.active(run)], "more": True})


@pytest.mark.parametrize("agent", ["", "/root/tests"])
@pytest.mark.parametrize("question", [*Question])
@pytest.mark.parametrize("params", [{}, FORM, LINK])
def test_every_question_fits(question: Question, params: dict[str, Any], agent: str) -> None:
    request = Request(1, question, params)
    approval = Approval("a", "r", kind_of(request), "Question?", request, agent)
    told = fitting("codex_approvals", answers.approvals([approval]))
    if question is Question.ELICITATION and params:
        assert {"requestedSchema", "url"} & {*told["approvals"][0]}
    for decision in DECISIONS:
        fitting("codex_approve", answers.answered(approval, decision))


def test_kinds_and_decisions_are_all_there_are() -> None:
    assert {*KINDS} == {kind_of(Request(1, each, {})) for each in Question}
    assert {*OFFERED} == {*DECISIONS}


def complete() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a tool with an answer, for the schemas of runs."""
    for run in (next(runs()), next(each for each in runs() if each.state is RunState.COMPLETED)):
        waited = answers.waited(run, elapsed_s=1, next_wait_s=1)
        yield "codex_run", answers.handle(run)
        yield "codex_wait", waited
        yield "codex_wait", {"status": "done", "runs": [waited]}
        yield "codex_interrupt", answers.acted(run)
        if run.state.is_over:
            yield "codex_result", answers.page_of(run, 1)


@pytest.mark.parametrize(("tool", "answer"), [*complete()])
def test_what_is_no_answer_does_not_fit(tool: str, answer: dict[str, Any]) -> None:
    schema = Draft202012Validator(all_definitions()[tool]["outputSchema"])
    schema.validate({**answer, "later": "a field of a later version"})
    for wrong in ({}, {**answer, "status": "sleeping"}, {**answer, "status": 1}):
        assert not schema.is_valid(wrong)
    with pytest.raises(ValidationError):
        fitting(tool, {**answer, "odd": 1})
