from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import Event, parse_event
from codexmcp.appserver.progress import MAX_CHARACTERS, describe


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
    ],
)
def test_an_event_is_one_line_or_none(event: Event, line: str | None) -> None:
    assert describe(event) == line


@given(st.text())
def test_a_line_is_short(text: str) -> None:
    line = describe(item("item/completed", "agentMessage", text=text))
    assert line is not None
    assert len(line) <= MAX_CHARACTERS
    assert "\n" not in line
