from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver import events
from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    ConnectionLost,
    ErrorReported,
    Event,
    FileChange,
    FileEdit,
    Item,
    ItemCompleted,
    ItemStarted,
    SubAgentActivity,
    TokenUsage,
    TokenUsageUpdated,
    TurnCompleted,
    TurnError,
    TurnStatus,
    UnknownEvent,
    parse_error,
    parse_event,
    parse_item,
    parse_turn_status,
    parse_usage,
)
from codexmcp.appserver.final_answer import last_message_of
from codexmcp.errors import AppServerClosedError
from tests.support import items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
ITEM_KEYS = [
    "id", "type", "text", "command", "exitCode", "status", "aggregatedOutput", "changes",
    "phase", "agentThreadId", "agentPath", "kind",
]  # fmt: skip
ITEMS = st.dictionaries(
    st.sampled_from(ITEM_KEYS), st.sampled_from(list(events._ITEMS)) | JSON, max_size=6
)
TURNS = st.dictionaries(
    st.sampled_from(["id", "status", "error", "items"]), st.lists(ITEMS, max_size=2) | JSON
)
PARAMS = st.dictionaries(
    st.sampled_from(
        ["threadId", "turnId", "turn", "item", "delta", "error", "willRetry", "tokenUsage"]
    ),
    ITEMS | TURNS | JSON,
    max_size=6,
)


def read_everything(value: object) -> None:
    """Read every public property of a value."""
    for name, _ in inspect.getmembers(type(value), lambda each: isinstance(each, property)):
        getattr(value, name)


@given(method=st.sampled_from(list(events._EVENTS)) | st.text(max_size=5), params=PARAMS)
def test_no_event_raises_whatever_its_fields_hold(method: str, params: dict[str, Any]) -> None:
    event = parse_event(method, params)
    read_everything(event)
    assert event.params is params
    assert isinstance(event.thread_id, str)
    assert isinstance(event.turn_id, str)


@given(raw=ITEMS | JSON)
def test_no_item_raises_whatever_its_fields_hold(raw: Any) -> None:
    read_everything(parse_item(raw))


@given(raw=JSON)
def test_no_part_of_an_event_raises_whatever_it_is(raw: Any) -> None:
    parse_usage(raw)
    parse_error(raw)
    parse_turn_status(raw)
    last_message_of({"items": raw})


def test_an_unknown_event_is_kept_with_all_its_fields() -> None:
    params = {"threadId": "t", "turnId": "u", "new": {"deep": [1]}}
    event = parse_event("thread/dreamed", params)
    assert type(event) is UnknownEvent
    assert (event.method, event.params) == ("thread/dreamed", params)
    assert (event.thread_id, event.turn_id) == ("t", "u")


def test_an_unknown_item_is_kept_with_all_its_fields() -> None:
    raw = {"type": "hologram", "id": "h1", "beam": 3}
    item = parse_item(raw)
    assert type(item) is Item
    assert (item.type, item.id, item.raw) == ("hologram", "h1", raw)


def test_the_turn_of_an_event_is_read_from_both_places() -> None:
    assert parse_event("turn/started", {"turn": {"id": "a"}}).turn_id == "a"
    assert parse_event("item/started", {"turnId": "b"}).turn_id == "b"
    assert parse_event("warning", {}).turn_id == ""


def test_known_items_come_typed() -> None:
    started = parse_event("item/started", {"item": {"type": "agentMessage", "text": "hi"}})
    assert isinstance(started, ItemStarted)
    assert isinstance(started.item, AgentMessage)
    assert started.item.text == "hi"
    changed = parse_item({"type": "fileChange", "changes": [{"path": "a"}, "junk", {"path": "b"}]})
    assert isinstance(changed, FileChange)
    assert changed.paths == ("a", "b")


def test_a_moved_file_has_both_names() -> None:
    move = parse_item(items.MOVE)
    assert isinstance(move, FileChange)
    assert move.edits == (FileEdit("/w/kept.txt", "move", "/w/moved.txt"),)
    assert move.paths == ("/w/kept.txt", "/w/moved.txt")


def test_the_activity_of_a_sub_agent_names_its_thread_and_its_path() -> None:
    activity = parse_item(items.AGENT_STARTED)
    assert isinstance(activity, SubAgentActivity)
    assert (activity.agent_path, activity.kind) == ("/root/a", "started")
    assert activity.agent_thread_id.startswith("01a22ea5-")


def test_a_message_tells_its_phase_if_the_model_gave_one() -> None:
    assert AgentMessage({"phase": "final_answer"}).phase == "final_answer"
    assert AgentMessage({"phase": None}).phase == ""


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"status": "completed", "exitCode": 0}, False),
        ({"status": "completed", "exitCode": 1}, True),
        ({"status": "failed"}, True),
        ({"status": "declined"}, True),
        ({"status": "inProgress"}, False),
        ({"status": ["failed"]}, False),
        ({"exitCode": "1"}, False),
    ],
)
def test_a_command_failed_when_its_code_or_status_says_so(
    fields: dict[str, Any], *, failed: bool
) -> None:
    command = parse_item({"type": "commandExecution", **fields})
    assert isinstance(command, CommandExecution)
    assert command.failed is failed


def test_a_command_without_output_has_empty_output() -> None:
    assert CommandExecution({"aggregatedOutput": None}).output == ""


def test_usage_counts_the_thread_and_the_last_answer() -> None:
    usage = {"total": {"inputTokens": 5, "totalTokens": 9}, "last": {"outputTokens": 4}}
    event = parse_event("thread/tokenUsage/updated", {"tokenUsage": usage})
    assert isinstance(event, TokenUsageUpdated)
    assert event.total == TokenUsage(input_tokens=5, total_tokens=9)
    assert event.last == TokenUsage(output_tokens=4)


def test_usage_comes_back_from_its_json_as_it_was() -> None:
    usage = TokenUsage(1, 2, 3, 4, 10)
    assert parse_usage(usage.to_json()) == usage


def test_a_reported_error_tells_whether_codex_goes_on() -> None:
    error = {"message": "Reconnecting... 1/5", "codexErrorInfo": "other", "additionalDetails": "d"}
    event = parse_event("error", {"error": error, "willRetry": True})
    assert isinstance(event, ErrorReported)
    assert event.error == TurnError("Reconnecting... 1/5", "other", will_retry=True, details="d")


def test_an_error_without_an_error_is_still_an_error() -> None:
    event = parse_event("error", {"willRetry": "yes"})
    assert isinstance(event, ErrorReported)
    assert event.error == TurnError("unknown error")


def test_a_completed_turn_carries_status_and_error() -> None:
    turn = {"id": "u", "status": "failed", "error": {"message": "no"}}
    event = parse_event("turn/completed", {"threadId": "t", "turn": turn})
    assert isinstance(event, TurnCompleted)
    assert event.status is TurnStatus.FAILED
    assert event.error == TurnError("no")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([("agentMessage", "first"), ("agentMessage", "last")], "last"),
        ([("agentMessage", "answer"), ("plan", "not said"), ("reasoning", "nor this")], "answer"),
        ([("agentMessage", "commentary"), ("commandExecution", "")], ""),
        (
            [("agentMessage", "commentary"), ("fileChange", ""), ("agentMessage", "answer")],
            "answer",
        ),
        ([], ""),
    ],
)
def test_the_final_message_is_what_was_said_after_the_last_tool(
    items: list[tuple[str, str]], message: str
) -> None:
    turn = {"items": [{"type": kind, "text": text} for kind, text in items]}
    assert last_message_of(turn) == message


def test_a_status_that_is_not_known_counts_as_failed() -> None:
    assert parse_turn_status("evaporated") is TurnStatus.FAILED
    assert parse_turn_status("inProgress") is TurnStatus.IN_PROGRESS


def test_a_completed_item_is_no_completed_turn() -> None:
    event = parse_event("item/completed", {"item": {"type": "reasoning"}})
    assert isinstance(event, ItemCompleted)
    assert not isinstance(event, TurnCompleted)


def test_the_loss_of_the_connection_is_an_event_with_its_reason() -> None:
    reason = AppServerClosedError("gone")
    lost = ConnectionLost(reason)
    assert isinstance(lost, Event)
    assert lost.reason is reason
    assert lost.thread_id == ""
