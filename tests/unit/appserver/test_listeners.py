from __future__ import annotations

from typing import TYPE_CHECKING

from codexmcp.appserver.agents import Agents
from codexmcp.appserver.events import parse_event
from codexmcp.appserver.listeners import Listeners

if TYPE_CHECKING:
    import pytest


def test_an_unknown_event_without_a_thread_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners(Agents())
    for method in ("a/new", "a/new", "account/updated", "b/new"):
        listeners.tell(parse_event(method, {}))
    listeners.tell(parse_event("c/new", {"threadId": "t"}))
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "notification a/new",
        "notification b/new",
    ]
