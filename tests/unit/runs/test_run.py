from __future__ import annotations

import json

import pytest

from codexmcp.runs.run import Run, RunRequest, is_run_id
from codexmcp.runs.states import RunState

REQUEST = RunRequest(
    prompt="do it",
    cwd="/w",
    audit_dir="/w/.codex",
    name="it",
    env={"PATH": "/bin"},
    thread={"sandbox": "read-only"},
    images=("/w/a.png",),
    timeout_s=1.5,
    retries=2,
)


def test_a_request_survives_being_written_down() -> None:
    assert RunRequest.from_json(json.loads(json.dumps(REQUEST.to_json()))) == REQUEST


def test_an_empty_prompt_is_one() -> None:
    empty = RunRequest(prompt="", cwd="/w", audit_dir="")
    assert RunRequest.from_json(empty.to_json()) == empty


def test_a_field_from_a_later_version_is_passed_over() -> None:
    assert RunRequest.from_json({**REQUEST.to_json(), "colour": 1}) == REQUEST


@pytest.mark.parametrize("value", [None, [], {}, {"prompt": "x"}, {"prompt": 1, "cwd": "/"}])
def test_what_is_no_request_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no prompt or no cwd"):
        RunRequest.from_json(value)


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/b", "a\0", "-x", "a b", "x" * 129, "ä"])
def test_what_could_name_another_file_is_no_run_id(text: str) -> None:
    assert not is_run_id(text)


@pytest.mark.parametrize(
    ("name", "prompt", "title"),
    [(None, "fix\n the  bug", "fix the bug"), ("n", "p", "n"), (None, "x" * 90, "x" * 79 + "…")],
)
def test_a_title_is_one_short_line(name: str | None, prompt: str, title: str) -> None:
    request = RunRequest(prompt=prompt, cwd="/", audit_dir="/", name=name)
    run = Run("r", 1, request, RunState.QUEUED, "g", "/", 0, 0.0)
    assert run.title == title
