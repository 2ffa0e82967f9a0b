from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import parse_event
from codexmcp.jsonrpc.messages import Request
from codexmcp.server.codex_events import (
    EventTranslator,
    approval_requested,
    old_spelling,
    session_configured,
)

Msg = dict[str, Any]


def told(*events: tuple[str, Msg]) -> list[Msg]:
    translator = EventTranslator()
    return [
        msg
        for method, params in events
        for msg in translator.translate(parse_event(method, {"threadId": "t", **params}))
    ]


def item(kind: str, *, ended: bool = True, **fields: Any) -> tuple[str, Msg]:
    raw = {"type": kind, "id": "i", **fields}
    moment = "completedAtMs" if ended else "startedAtMs"
    method = "item/completed" if ended else "item/started"
    return method, {"turnId": "u", "item": raw, moment: 9 if ended else 5}


def end(status: str = "completed") -> tuple[str, Msg]:
    turn = {"id": "u", "status": status, "startedAt": 1, "completedAt": 2, "durationMs": 3}
    return "turn/completed", {"turn": turn}


def test_a_session_leaves_out_what_is_not_known() -> None:
    thread = {
        "thread": {"id": "t", "sessionId": "s", "path": None},
        "model": "m",
        "activePermissionProfile": {"id": ":read-only", "extends": None},
    }
    session, startup = session_configured(thread)
    assert session == {
        "type": "session_configured",
        "session_id": "s",
        "thread_id": "t",
        "model": "m",
        "active_permission_profile": {"id": ":read-only"},
    }
    assert startup["type"] == "mcp_startup_complete"


def test_a_message_without_a_turn_comes_with_the_next_that_has_one() -> None:
    translator = EventTranslator()
    warning = parse_event("warning", {"threadId": "t", "message": "w"})
    assert translator.translate(warning) == []
    begun = parse_event("turn/started", {"threadId": "t", "turn": {"id": "u", "startedAt": 1}})
    assert [msg["type"] for msg in translator.translate(begun)] == ["warning", "task_started"]
    assert translator.translate(parse_event("turn/diff/updated", {"turnId": "u"}))[0]["type"] == (
        "turn_diff"
    )


def test_an_item_keeps_the_time_of_its_beginning() -> None:
    begun, _, ended, _ = told(
        item("commandExecution", ended=False, status="inProgress"),
        item("commandExecution", status="completed", exitCode=0),
    )
    assert (begun["started_at_ms"], ended["started_at_ms"], ended["completed_at_ms"]) == (5, 5, 9)


@pytest.mark.parametrize(
    ("items", "last"),
    [
        ([], None),
        ([item("agentMessage", text="A")], "A"),
        ([item("agentMessage", text="A"), item("agentMessage", text="B")], "B"),
        ([item("agentMessage", text="A"), item("reasoning")], "A"),
        ([item("agentMessage", text="A"), item("commandExecution")], None),
        ([item("agentMessage", text="")], None),
    ],
)
def test_the_last_message_is_the_final_one(items: list[tuple[str, Msg]], last: str | None) -> None:
    assert told(*items, end())[-1] == {
        "type": "task_complete",
        "turn_id": "u",
        "last_agent_message": last,
        "started_at": 1,
        "completed_at": 2,
        "duration_ms": 3,
    }


def test_an_interrupted_turn_is_aborted_and_a_failed_one_ends_with_its_error() -> None:
    (aborted,) = told(end("interrupted"))
    assert (aborted["type"], aborted["reason"]) == ("turn_aborted", "interrupted")
    assert told(end("failed")) == []


def test_a_token_count_has_the_old_names() -> None:
    usage = {"total": {"totalTokens": 3}, "last": {"inputTokens": 2}, "modelContextWindow": 9}
    (count,) = told(("thread/tokenUsage/updated", {"turnId": "u", "tokenUsage": usage}))
    assert count["info"] == {
        "total_token_usage": {"total_tokens": 3},
        "last_token_usage": {"input_tokens": 2},
        "model_context_window": 9,
    }


def test_an_error_that_is_retried_is_one_of_the_stream() -> None:
    error = {
        "message": "It\N{RIGHT SINGLE QUOTATION MARK}s 1/1",
        "codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": 401}},
        "additionalDetails": "d",
    }
    (retried,) = told(("error", {"turnId": "u", "error": error, "willRetry": True}))
    assert retried == {
        "type": "stream_error",
        "message": "It's 1/1",
        "codex_error_info": {"response_stream_disconnected": {"http_status_code": 401}},
        "additional_details": "d",
    }
    (final,) = told(("error", {"turnId": "u", "error": {**error, "codexErrorInfo": "badRequest"}}))
    assert (final["type"], final["codex_error_info"]) == ("error", "bad_request")
    assert "additional_details" not in final


@pytest.mark.parametrize(
    ("method", "kind", "field", "old"),
    [
        ("item/agentMessage/delta", "agent_message_content_delta", "x", None),
        ("item/reasoning/summaryTextDelta", "reasoning_content_delta", "summaryIndex", "s"),
        ("item/reasoning/textDelta", "reasoning_raw_content_delta", "contentIndex", "c"),
    ],
)
def test_pieces_of_text(method: str, kind: str, field: str, old: str | None) -> None:
    (msg,) = told((method, {"turnId": "u", "itemId": "i", "delta": "d", field: 2}))
    assert (msg["type"], msg["item_id"], msg["delta"]) == (kind, "i", "d")
    numbers = [value for value in msg.values() if value == 2]
    assert len(numbers) == (0 if old is None else 1)


def test_a_summary_part_begins_a_section() -> None:
    part = {"turnId": "u", "itemId": "i", "summaryIndex": 1}
    (msg,) = told(("item/reasoning/summaryPartAdded", part))
    assert msg == {"type": "agent_reasoning_section_break", "item_id": "i", "summary_index": 1}


@given(st.text())
def test_output_is_told_as_base64(text: str) -> None:
    output = {"turnId": "u", "itemId": "i", "delta": text}
    (msg,) = told(("item/commandExecution/outputDelta", output))
    assert base64.b64decode(msg["chunk"]).decode() == text


@pytest.mark.parametrize("method", ["thread/status/changed", "item/new", "new/event"])
def test_what_the_old_server_lacked_is_left_out(method: str) -> None:
    assert told((method, {"turnId": "u"})) == []
    assert told(item("somethingNew")) == []


def test_a_question_about_a_command_is_told() -> None:
    params = {
        "threadId": "t",
        "turnId": "u",
        "itemId": "i",
        "startedAtMs": 5,
        "kind": "command",
        "environmentId": "local",
        "reason": None,
        "command": "ls 'a b'",
        "cwd": "/w",
        "commandActions": [{"type": "unknown", "command": "ls 'a b'"}],
        "proposedExecpolicyAmendment": ["ls"],
        "availableDecisions": [
            "accept",
            {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["ls"]}},
            "cancel",
        ],
    }
    amendment = {"proposed_execpolicy_amendment": ["ls"]}
    (msg,) = approval_requested(Request(1, "item/commandExecution/requestApproval", params), None)
    assert msg == {
        "type": "exec_approval_request",
        "kind": "command",
        "call_id": "i",
        "turn_id": "u",
        "environmentId": "local",
        "started_at_ms": 5,
        "command": ["ls", "a b"],
        "cwd": "/w",
        "proposed_execpolicy_amendment": ["ls"],
        "available_decisions": [
            "approved",
            {"approved_execpolicy_amendment": amendment},
            "abort",
        ],
        "parsed_cmd": [{"type": "unknown", "cmd": "ls 'a b'"}],
    }


def test_a_question_about_a_patch_is_told_and_no_other() -> None:
    params = {"turnId": "u", "itemId": "i", "startedAtMs": 5, "reason": "r", "grantRoot": "/g"}
    changes = [{"path": "/a", "kind": {"type": "delete"}, "diff": "x"}]
    (msg,) = approval_requested(Request(1, "item/fileChange/requestApproval", params), changes)
    assert (msg["type"], msg["reason"], msg["grant_root"]) == (
        "apply_patch_approval_request",
        "r",
        "/g",
    )
    assert msg["changes"] == {"/a": {"type": "delete", "content": "x"}}
    assert approval_requested(Request(1, "item/tool/requestUserInput", params), None) == []


def test_apostrophes_are_the_old_ones() -> None:
    assert old_spelling("We\N{RIGHT SINGLE QUOTATION MARK}re") == "We're"
