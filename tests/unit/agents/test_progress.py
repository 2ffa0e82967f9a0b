from __future__ import annotations

from typing import Any

import pytest

from codexmcp.agents.progress import (
    ProgressKind,
    exec_failure,
    from_codex_event,
    from_exec_event,
    plain_error,
)
from codexmcp.appserver.events import without_shell

COMMAND = ["/bin/bash", "-lc", "echo 'a b' > x"]


@pytest.mark.parametrize(
    ("msg", "kind", "text", "failed"),
    [
        (
            {"type": "session_configured", "thread_id": "t-1", "model": "m"},
            ProgressKind.THREAD,
            "t-1 (model m)",
            False,
        ),
        (
            {"type": "exec_command_begin", "command": COMMAND},
            ProgressKind.COMMAND,
            "echo 'a b' > x",
            False,
        ),
        (
            {"type": "exec_command_end", "command": COMMAND, "exit_code": 0},
            ProgressKind.COMMAND_END,
            "exit 0",
            False,
        ),
        ({"type": "exec_command_end", "exit_code": 7}, ProgressKind.COMMAND_END, "exit 7", True),
        (
            {"type": "exec_command_end", "exit_code": -1},
            ProgressKind.COMMAND_END,
            "could not be run",
            True,
        ),
        (
            {"type": "patch_apply_end", "success": True, "changes": {"/w/x": {"type": "add"}}},
            ProgressKind.FILE,
            "add /w/x",
            False,
        ),
        (
            {"type": "patch_apply_end", "success": False, "changes": {"/w/x": {"type": "add"}}},
            ProgressKind.FILE,
            "add /w/x (failed)",
            True,
        ),
        ({"type": "agent_message", "message": "hello"}, ProgressKind.MESSAGE, "hello", False),
        (
            {
                "type": "token_count",
                "info": {"total_token_usage": {"input_tokens": 1200, "output_tokens": 30}},
            },
            ProgressKind.TOKENS,
            "1,200 in, 30 out",
            False,
        ),
        (
            {"type": "stream_error", "message": "Reconnecting... 1/2", "additional_details": "why"},
            ProgressKind.WARNING,
            "Reconnecting... 1/2: why",
            False,
        ),
        ({"type": "error", "message": None}, ProgressKind.ERROR, "the turn failed", True),
    ],
)
def test_a_codex_event_becomes_a_step(
    msg: dict[str, Any], kind: ProgressKind, text: str, *, failed: bool
) -> None:
    (step,) = from_codex_event(msg)
    assert (step.kind, step.text, step.failed) == (kind, text, failed)


@pytest.mark.parametrize(
    ("event", "kind", "text", "failed"),
    [
        ({"type": "thread.started", "thread_id": "t-1"}, ProgressKind.THREAD, "t-1", False),
        (
            {"type": "item.started", "item": {"type": "command_execution", "command": "ls"}},
            ProgressKind.COMMAND,
            "ls",
            False,
        ),
        (
            {"type": "item.completed", "item": {"type": "command_execution", "exit_code": 2}},
            ProgressKind.COMMAND_END,
            "exit 2",
            True,
        ),
        (
            {
                "type": "item.completed",
                "item": {
                    "type": "file_change",
                    "status": "completed",
                    "changes": [{"path": "/w/x", "kind": "update"}],
                },
            },
            ProgressKind.FILE,
            "update /w/x",
            False,
        ),
        (
            {"type": "item.completed", "item": {"type": "agent_message", "text": "hello"}},
            ProgressKind.MESSAGE,
            "hello",
            False,
        ),
        (
            {"type": "item.completed", "item": {"type": "error", "message": "odd"}},
            ProgressKind.WARNING,
            "odd",
            False,
        ),
        (
            {"type": "turn.completed", "usage": {"input_tokens": 5, "output_tokens": 6}},
            ProgressKind.TOKENS,
            "5 in, 6 out",
            False,
        ),
        ({"type": "turn.failed", "error": {"message": "bad"}}, ProgressKind.ERROR, "bad", True),
    ],
)
def test_an_exec_event_becomes_a_step(
    event: dict[str, Any], kind: ProgressKind, text: str, *, failed: bool
) -> None:
    (step,) = from_exec_event(event)
    assert (step.kind, step.text, step.failed) == (kind, text, failed)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": None},
        {"type": "item.completed", "item": None},
        {"type": "item.started", "item": {"type": "reasoning"}},
        {"type": "token_count", "info": None},
        {"type": "turn.completed", "usage": {"input_tokens": 0, "output_tokens": 0}},
        {"type": "patch_apply_end", "changes": None},
        {"type": "something_new", "message": "x"},
    ],
)
def test_what_tells_nothing_becomes_no_step(event: dict[str, Any]) -> None:
    assert from_codex_event(event) == []
    assert from_exec_event(event) == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('{"error": {"message": "bad thing"}}', "bad thing"),
        ('{"error": "bad"}', '{"error": "bad"}'),
        ("[1]", "[1]"),
        ("not JSON {", "not JSON {"),
    ],
)
def test_the_message_is_taken_out_of_an_endpoints_json(text: str, plain: str) -> None:
    assert plain_error(text) == plain


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Codex turn failed: no money", "no money"),
        ("Codex exec exited with code -9: ", "Codex was ended by SIGKILL"),
        ("Codex exec exited with code -15: last\nwords", "Codex was ended by SIGTERM: last\nwords"),
        ("Codex exec exited with code 1: Error: no such thread\n", "Error: no such thread"),
        ("Codex exec exited with code 3: ", "Codex exited with code 3"),
        ("Codex exec exited with code -99: ", "Codex exited with code -99"),
        ("Codex stream idle for 60.0 seconds.", "Codex stream idle for 60.0 seconds."),
    ],
)
def test_the_failure_of_exec_is_told_plainly(text: str, reason: str) -> None:
    assert exec_failure(text) == reason


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/bin/bash -lc 'echo a; echo b'", "echo a; echo b"),
        ("/bin/zsh -c ls", "ls"),
        ("git commit -m 'a b'", "git commit -m 'a b'"),
        ("echo 'unclosed", "echo 'unclosed"),
    ],
)
def test_the_shell_around_a_command_is_not_shown(command: str, shown: str) -> None:
    assert without_shell(command) == shown
