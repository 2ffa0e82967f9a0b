from __future__ import annotations

from typing import Any

import pytest

from codexmcp.appserver.events import parse_event
from codexmcp.appserver.tool_call_counts import ToolCallCounts, is_failure

FAILED: dict[str, Any] = {"type": "commandExecution", "status": "failed", "exitCode": 1}
FINE: dict[str, Any] = {"type": "commandExecution", "status": "completed", "exitCode": 0}
CHANGED: dict[str, Any] = {"type": "fileChange", "status": "completed", "changes": []}
NOT_CHANGED: dict[str, Any] = {**CHANGED, "status": "failed"}
REFUSED: dict[str, Any] = {"type": "mcpToolCall", "status": "failed"}
CALLED: dict[str, Any] = {"type": "mcpToolCall", "status": "completed"}
SAID: dict[str, Any] = {"type": "agentMessage", "text": "done"}


@pytest.mark.parametrize(
    ("items", "remark"),
    [
        ([], ""),
        ([SAID], ""),
        ([FAILED], "the only command failed"),
        ([FAILED, FAILED, SAID], "all 2 commands failed"),
        ([FAILED, FINE], ""),
        ([FAILED, CHANGED], ""),
        ([NOT_CHANGED], "the only tool call failed"),
        ([FAILED, NOT_CHANGED], "all 2 tool calls failed"),
        ([REFUSED], "the only tool call failed"),
        ([REFUSED, CALLED], ""),
        ([FAILED, CALLED], ""),
    ],
)
def test_a_turn_is_remarked_on_when_all_that_it_tried_failed(
    items: list[dict[str, Any]], remark: str
) -> None:
    tally = ToolCallCounts()
    for item in items:
        tally.note(parse_event("item/started", {"item": item}))
        tally.note(parse_event("item/completed", {"item": item}))
    assert tally.remark == remark
    assert is_failure(tally.remark) == bool(remark)
