"""Runs in words, in rows and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.cli.options.runs import state_word
from codexmcp.cli.runs import fields, words
from codexmcp.cli.text import table
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import RunState

NOW = 1_000_000.0
REQUEST = RunRequest(
    "fix\x1b[31m it",
    "/w/my project",
    "/w/a",
    thread={"sandbox": "read-only", "approvalPolicy": "never"},
    timeout_s=1800.0,
)
RUNNING = Run(
    "20261121-112759-1a2b3c4d",
    7,
    REQUEST,
    RunState.RUNNING,
    "g",
    "k",
    0,
    NOW - 100,
    started_at=NOW - 72,
    owner="o",
    attempt=1,
    thread_id="t",
    progress=Progress(3, TokenUsage(total_tokens=12_345), "runs ls"),
)
COMPLETED = replace(
    RUNNING, state=RunState.COMPLETED, ended_at=NOW - 7200, started_at=NOW - 7210, message="done"
)


def test_a_run_under_way_shows_how_long_it_has_worked_and_one_that_is_over_its_age() -> None:
    assert words.when(RUNNING, NOW) == "1m12s"
    assert words.when(COMPLETED, NOW) == "2h ago"
    assert words.when(replace(RUNNING, state=RunState.QUEUED, started_at=None), NOW) == "1m40s"


def test_every_state_fits_its_column() -> None:
    assert all(len(state_word(state)) <= 11 for state in RunState)


def test_a_list_fits_80_columns_and_cannot_steer_the_terminal() -> None:
    long = replace(RUNNING, request=replace(REQUEST, name="a\x1b]0;title\x07 " * 30))
    lines = list(table(list(words.rows([long], NOW, with_folder=True)), 80))
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in lines[1]
    assert "running" in lines[1]
    assert "12.3k" in lines[1]
    assert "my project: " in lines[1]


def test_a_run_is_described_with_what_can_be_done_now() -> None:
    text = "\n".join(words.described(RUNNING, NOW))
    assert "\x1b" not in text
    assert "read-only, approvals never, at most 30m00s" in text
    assert f"codexmcp runs tail -f {RUNNING.id}" in text
    lost = "\n".join(words.described(replace(RUNNING, state=RunState.LOST, reason="died"), NOW))
    assert f"codexmcp runs resume {RUNNING.id}" in lost
    asks = replace(RUNNING, state=RunState.WAITING_FOR_APPROVAL)
    assert f"approve [--decline] {RUNNING.id}" in "\n".join(words.described(asks, NOW))


def test_a_completed_run_shows_its_answer_and_no_hint() -> None:
    text = "\n".join(words.described(COMPLETED, NOW))
    assert text.endswith("answer\n  done")


def test_a_time_beyond_every_calendar_is_still_told() -> None:
    assert list(words.described(replace(COMPLETED, created_at=1e300), NOW))


@pytest.mark.parametrize(
    ("run", "elapsed"),
    [
        (RUNNING, 72.0),
        (COMPLETED, 10.0),
        (replace(RUNNING, started_at=None), None),
        (replace(RUNNING, state=RunState.LOST), None),
        (replace(COMPLETED, ended_at=0.0), 0.0),
    ],
)
def test_the_time_a_run_worked_is_known_or_none(run: Run, elapsed: float | None) -> None:
    assert fields.elapsed_s(run, NOW) == elapsed


def test_the_json_of_a_run_has_the_documented_names() -> None:
    whole = json.loads(json.dumps(fields.whole(COMPLETED, NOW)))
    assert whole["runId"] == COMPLETED.id
    assert whole["status"] == "completed"
    assert whole["message"] == "done"
    assert whole["sandbox"] == "read-only"
    assert whole["usage"]["totalTokens"] == 12_345
    assert whole["files"]["events"] == f"/w/a/{COMPLETED.id}.jsonl"
    assert set(fields.listed(COMPLETED, NOW)) < set(whole)
