from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import OVER, RunState
from codexmcp.server.run_tools import answers

REQUEST = RunRequest(
    prompt="p", cwd="/secret/place", audit_dir="/secret/place/.codex", timeout_s=1800.0
)
RUN = Run(
    "run-1",
    1,
    REQUEST,
    RunState.RUNNING,
    "group",
    "/secret/place",
    0,
    0.0,
    thread_id="thread-1",
    progress=Progress(
        12, TokenUsage(output_tokens=20, reasoning_output_tokens=5, total_tokens=120)
    ),
)


def over(message: str, state: RunState = RunState.COMPLETED) -> Run:
    return replace(RUN, state=state, message=message)


def test_a_soft_timeout_answers_in_the_shape_that_callers_know() -> None:
    assert answers.waited(RUN, elapsed_s=240.0, next_wait_s=240.0) == {
        "runId": "run-1",
        "status": "still_running",
        "threadId": "thread-1",
        "timedOut": False,
        "waitElapsedMs": 240000,
        "nextWaitMs": 240000,
        "progress": {"events": 12, "totalTokens": 120, "outputTokens": 20, "reasoningTokens": 5},
    }


def test_a_handle_is_small() -> None:
    assert answers.handle(RUN) == {
        "runId": "run-1",
        "status": "running",
        "threadId": "thread-1",
        "timedOut": False,
        "timeoutMs": 1800000,
    }


@pytest.mark.parametrize("state", sorted(OVER))
def test_a_run_that_is_over_answers_with_its_state_and_message(state: RunState) -> None:
    answer = answers.waited(over("done", state), elapsed_s=0.0, next_wait_s=240.0)
    assert (answer["status"], answer["message"]) == (state, "done")
    assert answer["timedOut"] is (state is RunState.TIMED_OUT)
    assert "nextWaitMs" not in answer


def test_a_run_that_waits_says_for_what() -> None:
    waiting = replace(RUN, state=RunState.WAITING_FOR_APPROVAL, reason="waits for an answer: run x")
    assert answers.waited(waiting, elapsed_s=0, next_wait_s=None)["waitsFor"] == waiting.reason
    queued = replace(RUN, state=RunState.QUEUED)
    assert "queue" in answers.waited(queued, elapsed_s=0, next_wait_s=None)["waitsFor"]


@pytest.mark.parametrize("size", [0, 1, 20_000, 20_001, 65_000])
def test_the_pages_of_a_message_are_the_message(size: int) -> None:
    run = over("".join(chr(ord("a") + index % 26) for index in range(size)))
    pages = answers.page_count(run.message)
    told = "".join(answers.page_of(run, page)["message"] for page in range(1, pages + 1))
    assert told == run.message
    assert all(len(answers.page_of(run, page)["message"]) <= 20_000 for page in range(1, pages + 1))
    assert answers.ending(run).get("pages", 1) == pages


def test_no_answer_tells_where_things_lie() -> None:
    run = replace(over("done"), owner="owner-1")
    told = [
        answers.handle(run),
        answers.waited(run, elapsed_s=1, next_wait_s=None),
        answers.listed(run),
        answers.active(run),
        answers.page_of(run, 1),
    ]
    assert "/secret" not in json.dumps(told)
    assert "owner-1" not in json.dumps(told)
