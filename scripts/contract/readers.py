"""All readers of events, items and questions of app-server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from codexmcp.api.events import narrate
from codexmcp.appserver.agents import Agents, sleeps_s
from codexmcp.appserver.answers import DECLINED, kind_of, question_text, to_codex
from codexmcp.appserver.events import Event, Item, parse_event, parse_item
from codexmcp.appserver.final_answer import FinalAnswer
from codexmcp.appserver.forms import form_of, url_of
from codexmcp.appserver.progress import describe, has_failed, label
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.appserver.tool_call_counts import ToolCallCounts
from codexmcp.appserver.unreported import Unreported
from codexmcp.cli.runs.telling import Teller
from codexmcp.codex.progress import TurnProgress
from codexmcp.jsonrpc.messages import Request
from codexmcp.runs.audit.summary import SummaryBuilder
from codexmcp.server.codex_events import EventTranslator, approval_requested

_THREAD = "text"
"""The thread of all samples."""


def read_event(method: str, params: Any) -> None:  # noqa: ANN401 - a JSON value
    """Read an event as all of our code does."""
    event = parse_event(method, params)
    for ours in (False, True):
        agents = Agents()
        if ours:
            agents.note(parse_event("turn/started", {"threadId": _THREAD, "turn": {"id": "text"}}))
        agents.note(event)
    _read_properties(event)
    describe(event)
    sleeps_s(event)
    list(narrate(event))
    ToolCallCounts().note(event)
    Unreported(_THREAD, "/").take(event)
    FinalAnswer().after(event)
    SummaryBuilder().note(event)
    TokenLedger().note(_THREAD, event)
    _translate(event)
    progress = TurnProgress(_THREAD, 0.0)
    progress.hear(event)
    progress.note(event)
    with contextlib.suppress(KeyError):
        Teller().tell({"at": 0.0, "method": method, "params": params})


def read_question(method: str, params: Any) -> None:  # noqa: ANN401 - as above
    """Read a question as all of our code does."""
    request = Request(1, method, params)
    with contextlib.suppress(ValueError):
        kind_of(request)
        question_text(request)
    form_of(request)
    url_of(request)
    approval_requested(request, None)
    to_codex(request, DECLINED, allow_amendments=True)
    for name in ("threadId", "turnId"):
        params.get(name)


def _translate(event: Event) -> None:
    # A sample may be the end of an item in progress.
    with contextlib.suppress(KeyError):
        EventTranslator().translate(event)


def _read_properties(event: Event) -> None:
    for value in _properties(event):
        for inner in value if isinstance(value, tuple) else (value,):
            for _ in _properties(inner):
                pass
        if isinstance(value, Item):
            has_failed(value)
            label(parse_item(value.raw))


def _properties(value: object) -> Iterator[object]:
    """Yield the values of all properties of one of our objects."""
    for cls in type(value).__mro__:
        if cls.__module__.startswith("codexmcp."):
            for name, member in vars(cls).items():
                if isinstance(member, property):
                    yield getattr(value, name)
