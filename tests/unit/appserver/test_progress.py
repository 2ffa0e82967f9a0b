from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import Event, parse_event, parse_item
from codexmcp.appserver.progress import MAX_CHARACTERS, describe, has_failed
from tests.support import items
from tests.support.items import completed, started


def item(method: str, kind: str, **fields: Any) -> Event:
    return parse_event(method, {"threadId": "t", "item": {"type": kind, "id": "i", **fields}})


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (item("item/started", "commandExecution", command="ls  -l"), "runs ls -l"),
        (item("item/started", "fileChange", changes=[{"path": "/a"}]), "changes /a"),
        (item("item/started", "reasoning"), "thinks"),
        (item("item/completed", "agentMessage", text="One.\nTwo."), "says: One. Two."),
        (parse_event("error", {"error": {"message": "1/5"}}), "1/5"),
        (item("item/started", "agentMessage", text=""), None),
        (item("item/completed", "commandExecution", command="ls"), None),
        (parse_event("turn/started", {}), None),
        (started(items.WEB_SEARCH), "searches the web: weather"),
        (completed(items.WEB_SEARCH), "searches the web: weather"),
        (started({"type": "webSearch", "query": ""}), "searches the web"),
        (started(items.OPENED_PAGE), "searches the web: http://x/"),
        (started(items.IMAGE_VIEW), "views /w/i.png"),
        (started(items.MCP_CALL), "calls docs search"),
        (started(items.DYNAMIC_CALL), "calls desk ask"),
        (started(items.AGENT_STARTED), "agent /root/a started"),
        (started(items.AGENT_WAIT), "agents: wait"),
        (completed(items.AGENT_WAIT), None),
        (started(items.SLEEP), "sleeps 1m30s"),
        (started(items.COMPACTION), "compacts its context"),
        (started(items.MOVE), "changes /w/kept.txt -> /w/moved.txt"),
        (started(items.UNKNOWN), "hologram a cube"),
        (started({"type": "userMessage", "content": []}), None),
    ],
)
def test_an_event_is_one_line_or_none(event: Event, line: str | None) -> None:
    assert describe(event) == line


def test_the_line_of_a_sub_agent_begins_with_its_path() -> None:
    assert describe(started(items.COMMAND), "/root/a") == "/root/a: runs /bin/bash -lc 'exit 7'"
    assert describe(completed(items.COMMAND), "/root/a") is None


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({"status": "failed"}, True),
        ({"status": "interrupted"}, True),
        ({"status": "completed", "success": False}, True),
        ({"status": ["failed"]}, False),
        ({"status": "completed"}, False),
        ({}, False),
    ],
)
def test_a_tool_failed_when_its_status_or_its_result_says_so(
    fields: dict[str, Any], *, failed: bool
) -> None:
    assert has_failed(parse_item({"type": "dynamicToolCall", **fields})) is failed


ANY = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
KINDS = [
    "subAgentActivity", "collabAgentToolCall", "webSearch", "imageGeneration", "sleep", "x",
    "fileChange",
]  # fmt: skip
FIELDS = [
    "agentPath", "agentThreadId", "kind", "tool", "prompt", "query", "action", "durationMs",
    "revisedPrompt", "savedPath", "server", "path", "changes", "failure", "status",
]  # fmt: skip


@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.sampled_from(FIELDS), ANY))
def test_no_item_fails_whatever_its_fields_hold(kind: str, fields: dict[str, Any]) -> None:
    line = describe(started({**fields, "type": kind}))
    assert line
    assert len(line) <= MAX_CHARACTERS
    has_failed(parse_item(fields))


@given(st.text())
def test_a_line_is_short(text: str) -> None:
    line = describe(item("item/completed", "agentMessage", text=text))
    assert line is not None
    assert len(line) <= MAX_CHARACTERS
    assert "\n" not in line
