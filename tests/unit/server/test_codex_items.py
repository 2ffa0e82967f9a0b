from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.server.codex_items import (
    old_action,
    old_changes,
    old_item,
    old_messages,
    snake,
    snake_names,
    words_of,
)

AROUND = {"turn_id": "u", "started_at_ms": 5, "completed_at_ms": 9}


def item(kind: str, **fields: Any) -> dict[str, Any]:
    made = old_item({"type": kind, "id": "i", **fields})
    assert made is not None
    return made


def command(status: str = "completed", **more: Any) -> dict[str, Any]:
    fields = {"command": "/bin/bash -lc 'ls a'", "cwd": "/w", "source": "unifiedExecStartup"}
    return item("commandExecution", status=status, **fields, **more)


def test_a_command_in_progress_has_no_outcome() -> None:
    assert command("inProgress", processId="7") == {
        "type": "CommandExecution",
        "id": "i",
        "process_id": "7",
        "command": ["/bin/bash", "-lc", "ls a"],
        "cwd": "file:///w",
        "parsed_cmd": [],
        "source": "unified_exec_startup",
        "status": "in_progress",
    }


def test_an_ended_command_has_its_outcome() -> None:
    ended = command(aggregatedOutput="out", exitCode=3, durationMs=1_250)
    assert (ended["stdout"], ended["exit_code"]) == ("out", 3)
    assert ended["duration"] == {"secs": 1, "nanos": 250_000_000}


def test_a_command_that_never_started_has_the_exit_code_minus_one() -> None:
    assert command("declined", exitCode=None)["exit_code"] == -1


def test_a_command_has_older_messages_at_both_ends() -> None:
    (begun,) = old_messages(command("inProgress"), AROUND, ended=False)
    assert (begun["type"], begun["started_at_ms"]) == ("exec_command_begin", 5)
    assert "status" not in begun
    (ended,) = old_messages(command(), AROUND, ended=True)
    assert (ended["type"], ended["completed_at_ms"], ended["status"]) == (
        "exec_command_end",
        9,
        "completed",
    )


def test_a_patch_has_older_messages_at_both_ends() -> None:
    changes = [{"path": "/a", "kind": {"type": "add"}, "diff": "x"}]
    begun_item = item("fileChange", status="inProgress", changes=changes)
    (begun,) = old_messages(begun_item, AROUND, ended=False)
    assert (begun["type"], begun["auto_approved"]) == ("patch_apply_begin", True)
    for status, success in (("completed", True), ("failed", False)):
        ended_item = item("fileChange", status=status, changes=changes)
        (ended,) = old_messages(ended_item, AROUND, ended=True)
        assert (ended["success"], ended["status"]) == (success, status)
        assert ended["changes"] == {"/a": {"type": "add", "content": "x"}}


def test_a_move_is_told_once() -> None:
    diff = "@@ -1 +1 @@\n-a\n+b\n"
    kind = {"type": "update", "move_path": "/b"}
    change = {"path": "/a", "kind": kind, "diff": f"{diff}\n\nMoved to: /b"}
    assert old_changes([change]) == {
        "/a": {"type": "update", "unified_diff": diff, "move_path": "/b"}
    }


@pytest.mark.parametrize(
    ("kind", "fields", "messages"),
    [
        ("agentMessage", {"text": "A"}, ["agent_message"]),
        ("userMessage", {"content": [{"type": "text", "text": "A"}]}, ["user_message"]),
        ("reasoning", {"summary": ["A", "B"]}, ["agent_reasoning", "agent_reasoning"]),
        ("contextCompaction", {}, ["context_compacted"]),
    ],
)
def test_other_items_have_older_messages_at_their_end(
    kind: str, fields: dict[str, Any], messages: list[str]
) -> None:
    made = item(kind, **fields)
    assert old_messages(made, AROUND, ended=False) == []
    assert [msg["type"] for msg in old_messages(made, AROUND, ended=True)] == messages


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (
            {"status": "completed", "result": {"content": [], "_meta": None}},
            {"Ok": {"content": []}},
        ),
        (
            {"status": "failed", "result": {"content": []}, "error": None},
            {"Ok": {"content": [], "isError": True}},
        ),
        ({"status": "failed", "result": None, "error": {"message": "m"}}, {"Err": "m"}),
    ],
)
def test_a_tool_of_an_mcp_server_has_its_outcome(
    outcome: dict[str, Any], result: dict[str, Any]
) -> None:
    call = {"server": "s", "tool": "t", "arguments": {"a": 1}}
    begun_item = item("mcpToolCall", **call, status="inProgress")
    assert "duration" not in begun_item
    (begun,) = old_messages(begun_item, AROUND, ended=False)
    assert begun == {"type": "mcp_tool_call_begin", "call_id": "i", "invocation": call}
    (ended,) = old_messages(item("mcpToolCall", **call, **outcome), AROUND, ended=True)
    assert (ended["type"], ended["result"]) == ("mcp_tool_call_end", result)


def test_an_unknown_item_has_none() -> None:
    assert old_item({"type": "new", "id": "i"}) is None


@pytest.mark.parametrize(
    ("cmd", "path", "old"),
    [
        ("cat a.txt", "/w/a.txt", "a.txt"),
        ("cat /w/a.txt", "/w/a.txt", "/w/a.txt"),
        ("cat /etc/a", "/etc/a", "/etc/a"),
        ("ls", None, None),
    ],
)
def test_a_path_is_as_the_command_has_it(cmd: str, path: str | None, old: str | None) -> None:
    action = {"type": "read", "command": cmd, "path": path}
    assert old_action(action, "/w") == {"type": "read", "cmd": cmd, "path": old}


@given(st.lists(st.text(), min_size=1))
def test_the_words_of_a_joined_command_come_back(words: list[str]) -> None:
    assert words_of(shlex.join(words)) == words


def test_a_command_that_is_no_shell_words_is_one() -> None:
    assert words_of("echo 'a") == ["echo 'a"]


@pytest.mark.parametrize(
    ("name", "old"), [("listFiles", "list_files"), ("read", "read"), ("a1B", "a1_b"), (5, "5")]
)
def test_names_are_in_snake_case(name: object, old: str) -> None:
    assert snake(name) == old


@given(st.text())
def test_snake_case_stays(name: str) -> None:
    assert snake(snake(name)) == snake(name)


def test_names_below_are_in_snake_case_and_values_stay() -> None:
    assert snake_names({"aB": {"cD": 401, "eF": None}}) == {"a_b": {"c_d": 401, "e_f": None}}
    assert snake_names(None) is None


def test_a_path_in_a_file_url_is_encoded_as_the_old_server_did() -> None:
    every = "".join(map(chr, range(32, 127))).replace("/", "") + "ü"
    encoded = item("imageView", path=f"/w/{every}")["path"]
    assert encoded == (
        "file:///w/%20!%22%23$%25&'()*+,-.0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "[%5C]^_%60abcdefghijklmnopqrstuvwxyz%7B|%7D~%C3%BC"
    )


def test_a_web_search_has_older_messages_at_both_ends() -> None:
    action = {"type": "openPage", "url": "http://x/", "query": None}
    search = item("webSearch", query="http://x/", action=action, results=None)
    assert old_messages(search, AROUND, ended=False) == [
        {"type": "web_search_begin", "call_id": "i"}
    ]
    assert old_messages(search, AROUND, ended=True) == [
        {
            "type": "web_search_end",
            "call_id": "i",
            "query": "http://x/",
            "action": {"type": "open_page", "url": "http://x/"},
        }
    ]


def test_a_question_that_nobody_waits_for_is_in_the_message() -> None:
    questions = [{"title": "Which?", "options": ["a", "b"]}]
    asked = item("agentMessage", text="Which?", delivery="async", questions=questions)
    (message,) = old_messages(asked, AROUND, ended=True)
    assert (message["delivery"], message["questions"]) == ("async", questions)
