from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.telemetry import (
    KEPT_EVENTS,
    KEPT_NAMES,
    LONGEST,
    OTHER,
    Event,
    EventError,
    Telemetry,
    TelemetryKind,
    from_json,
    parse_event,
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def test_an_event_has_its_fields() -> None:
    event = parse_event(TelemetryKind.COMMAND, {"client": "codex", "command": "commit"}, 5.0)
    assert event == Event(TelemetryKind.COMMAND, 5.0, {"client": "codex", "command": "commit"})


@given(st.sampled_from(TelemetryKind), _json)
def test_any_body_is_an_event_of_short_texts_or_refused(kind: TelemetryKind, body: object) -> None:
    try:
        event = parse_event(kind, body, 0.0)
    except EventError:
        return
    assert all(len(text) <= LONGEST for text in event.fields.values())


def test_a_refusal_says_what_to_send() -> None:
    with pytest.raises(EventError, match=r'send \{"command": "\.\.\."\}.* client and project'):
        parse_event(TelemetryKind.COMMAND, {}, 0.0)


@given(
    st.lists(
        st.tuples(st.sampled_from(TelemetryKind), st.text(min_size=1, max_size=5)), max_size=30
    )
)
def test_what_is_kept_is_read_back_the_same(told: list[tuple[TelemetryKind, str]]) -> None:
    telemetry = Telemetry()
    names = {
        TelemetryKind.COMMAND: "command",
        TelemetryKind.PROJECT: "project",
        TelemetryKind.PORTFOLIO_READ: "file",
    }
    for kind, text in told:
        telemetry.add(Event(kind, 1.0, {names[kind]: text}))
    kept: Any = json.loads(json.dumps(telemetry.to_json()))
    assert from_json(kept).to_json() == telemetry.to_json()


def test_beyond_so_many_names_they_are_counted_together() -> None:
    telemetry = Telemetry()
    for number in range(KEPT_NAMES + 5):
        telemetry.add(Event(TelemetryKind.COMMAND, 0.0, {"command": str(number)}))
    counts = telemetry.counts[TelemetryKind.COMMAND]
    assert (len(counts), counts[OTHER]) == (KEPT_NAMES + 1, 5)
    assert sum(counts.values()) == KEPT_NAMES + 5


def test_only_the_last_events_are_kept() -> None:
    telemetry = Telemetry()
    for number in range(KEPT_EVENTS + 5):
        telemetry.add(Event(TelemetryKind.PROJECT, float(number), {"project": "p"}))
    assert len(telemetry.last()) == KEPT_EVENTS
    assert [each["at"] for each in telemetry.last(2)] == [KEPT_EVENTS + 4, KEPT_EVENTS + 3]


@given(_json)
def test_any_file_is_read_or_refused(kept: object) -> None:
    try:
        telemetry = from_json(kept)
    except EventError:
        return
    assert len(telemetry.last()) <= KEPT_EVENTS


@given(_json, _json, _json)
def test_a_file_with_odd_parts_is_read_without_them(
    project: object, counts: object, events: object
) -> None:
    kept = {"version": 1, "project": project, "counts": counts, "events": events}
    json.dumps(from_json(kept).to_json())
