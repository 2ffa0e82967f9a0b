"""What the lines of a file of events say to people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import without_shell
from codexmcp.cli.runs.telling import MAX_TAIL_LINES, Teller
from tests.support import items


def event(method: str, **item: Any) -> dict[str, Any]:
    return {"at": 0, "method": method, "params": {"item": item}}


def command(method: str, **more: Any) -> dict[str, Any]:
    return event(method, type="commandExecution", id="c", command="/bin/bash -lc 'ls x'", **more)


def tell(*records: dict[str, Any]) -> list[str]:
    """Return what records say, without their times."""
    teller = Teller()
    return [told[10:] for record in records if (told := teller.tell(record)) is not None]


def test_a_command_is_told_once_with_its_exit_code() -> None:
    ended = command("item/completed", status="completed", exitCode=0, durationMs=1234)
    assert tell(command("item/started"), ended) == ["$ ls x", "= exit code 0 after 1.2s"]


def test_a_command_that_ends_after_something_else_is_named_again() -> None:
    says = event("item/completed", type="agentMessage", id="m", text="hm")
    ended = command("item/completed", status="completed", exitCode=0)
    assert tell(command("item/started"), says, ended)[-1] == "= exit code 0: ls x"


def test_a_command_that_failed_shows_the_end_of_its_output() -> None:
    output = "\n".join(f"line {number}" for number in range(50))
    (told,) = tell(command("item/completed", status="failed", exitCode=2, aggregatedOutput=output))
    assert told.startswith("= exit code 2: ls x\n")
    assert "(40 lines before)" in told
    assert len(told.split("\n")) == MAX_TAIL_LINES + 2


def test_a_command_that_was_declined_has_no_exit_code() -> None:
    assert tell(command("item/completed", status="declined")) == ["= declined: ls x"]


def test_a_state_is_told_when_it_or_its_reason_changes() -> None:
    running = {"at": 0, "state": "running", "reason": ""}
    waits = {"at": 0, "state": "waiting_for_approval", "reason": "run `x`"}
    assert tell(running, running, waits, running) == [
        "* running",
        "* waiting for approval: run `x`",
        "* running",
    ]


def test_messages_files_tools_and_errors_are_told() -> None:
    changes = [{"path": "/w/a.py", "kind": {"type": "add"}}]
    assert tell(
        event("item/completed", type="agentMessage", id="m", text="one\ntwo"),
        event("item/completed", type="fileChange", id="f", status="completed", changes=changes),
        event("item/completed", type="fileChange", id="f", status="failed", changes=changes),
        event("item/completed", type="mcpToolCall", id="t", server="s", tool="look"),
        {"at": 0, "method": "error", "params": {"error": {"message": "no"}, "willRetry": True}},
        {"at": 0, "lost": 3},
    ) == [
        "codex: one\n          two",
        "file: /w/a.py (add)",
        "file: /w/a.py (add failed)",
        "tool: s look",
        "! no (Codex tries again)",
        "! 3 line(s) of this record could not be written",
    ]


def test_every_kind_of_work_is_told() -> None:
    kinds = (
        items.WEB_SEARCH,
        items.OPENED_PAGE,
        items.IMAGE_VIEW,
        items.MCP_CALL,
        items.DYNAMIC_CALL,
        items.AGENT_STARTED,
        items.AGENT_WAIT,
        items.SLEEP,
        items.COMPACTION,
        items.MOVE,
        items.UNKNOWN,
        {"type": "reasoning", "id": "r", "summary": []},
    )
    assert tell(*(event("item/completed", **item) for item in kinds)) == [
        "web search: weather",
        "web search: http://x/",
        "image: /w/i.png",
        "tool: docs search (failed)",
        "tool: desk ask",
        "agent: /root/a started",
        "agents: wait",
        "sleep: 1m30s",
        "context compacted",
        "file: /w/kept.txt -> /w/moved.txt (move)",
        "hologram: a cube",
    ]


def test_the_work_of_a_sub_agent_is_told_with_its_path() -> None:
    child = {"agent": "/root/a\x1b"}
    told = tell(
        command("item/started"),
        {**event("item/started", **items.COMMAND), **child},
        {**event("item/completed", **items.COMMAND), **child},
        command("item/completed", status="completed", exitCode=0),
    )
    assert told == [
        "$ ls x",
        "[/root/a\N{REPLACEMENT CHARACTER}] $ exit 7",
        "[/root/a\N{REPLACEMENT CHARACTER}] = exit code 7 after 0.0s",
        "= exit code 0: ls x",
    ]


def test_an_empty_answer_is_told() -> None:
    ended = {"at": 0, "method": "turn/completed", "params": {"turn": {"status": "completed"}}}
    refusal = event("item/started", **items.message(""))
    answer = event("item/completed", **items.message("done"))
    empty = "! the turn ended without a message of the model"
    assert tell(refusal, ended) == [empty]
    assert tell(answer, ended) == ["codex: done"]
    begun = {"at": 0, "method": "turn/started", "params": {"turn": {"id": "u"}}}
    assert tell(answer, ended, begun, ended) == ["codex: done", empty]
    assert tell({**ended, "agent": "/root/a"}) == []


def test_the_prompt_is_told_once_and_what_was_said_later_too() -> None:
    header = {"format": "codexmcp-run", "createdAt": 0, "request": {"prompt": "do it"}}
    first, later = (
        event("item/completed", type="userMessage", id=text, content=[{"text": text}])
        for text in ("do it", "leave the docs")
    )
    assert tell(header, first, later) == ["prompt: do it", "message: leave the docs"]


def test_an_approval_is_told_with_who_decided() -> None:
    question = {"id": "r.1", "kind": "command", "text": "run `x`"}
    record = {"at": 0, "approval": question, "decision": "accept", "by": "a human"}
    assert tell(record) == ["? accept by a human: run `x`"]
    asked = {"at": 0, "approval": {**question, "agent": "/root/a"}, "decision": None, "by": ""}
    assert tell(asked) == ["? [/root/a] run `x`"]


def test_what_an_event_says_cannot_steer_the_terminal() -> None:
    (told,) = tell(event("item/completed", type="agentMessage", id="m", text="a\x1b[2Jb\rc"))
    assert "\x1b" not in told
    assert "\r" not in told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "at",
        "state",
        "reason",
        "approval",
        "decision",
        "by",
        "lost",
        "format",
        "request",
        "params",
        "agent",
    ]
)
METHODS = st.sampled_from(["item/completed", "item/started", "error", "connection/lost", "x"])
KINDS = st.sampled_from(["commandExecution", "fileChange", "agentMessage", "userMessage", "plan"])


@given(st.dictionaries(NAMES, JSON), st.none() | METHODS, KINDS, JSON)
def test_no_line_of_any_shape_fails(
    record: dict[str, Any], method: str | None, kind: str, value: object
) -> None:
    item = {"type": kind, "changes": value, "content": value, "text": value, "exitCode": value}
    told = [
        Teller().tell(record if method is None else {**record, "method": method}),
        Teller().tell({"method": method, "params": {"item": item}}),
    ]
    assert all(each is None or each for each in told)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("/bin/bash -lc 'echo a b'", "echo a b"),
        ("/bin/sh -c ls", "ls"),
        ("python -c 'print(1)'", "python -c 'print(1)'"),
        ("bash -lc 'unclosed", "bash -lc 'unclosed"),
        ("ls -l", "ls -l"),
    ],
)
def test_the_shell_around_a_command_is_left_out(command: str, text: str) -> None:
    assert without_shell(command) == text
