"""Codex's events as the API tells them, and the queue of a consumer that lags behind."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

import codexmcp
from codexmcp.api.events import MessageCompleted, TextDelta, TokensUsed, TurnEvent, narrate
from codexmcp.api.stream import EventQueue
from codexmcp.appserver.events import parse_event

ITEMS = st.one_of(
    st.builds(TextDelta, st.text(max_size=3), st.sampled_from("ab"), st.sampled_from(["", "/x"])),
    st.builds(MessageCompleted, st.text(max_size=3), st.sampled_from("ab")),
    st.builds(TokensUsed),
)


async def _passed(events: list[TurnEvent], takes: list[bool]) -> list[TurnEvent]:
    queue, taken = EventQueue(), list[TurnEvent]()
    for event, take in zip(events, takes, strict=True):
        queue.put(event)
        if take and (got := await queue.get()) is not None:
            taken.append(got)
    queue.close()
    while (got := await queue.get()) is not None:
        taken.append(got)
    return taken


def _joined(events: list[TurnEvent]) -> list[object]:
    """Return the events with one entry for neighbouring deltas of a message."""

    def message(event: TurnEvent) -> object:
        return (event.message_id, event.agent) if isinstance(event, TextDelta) else event

    def whole(key: object, group: list[TurnEvent]) -> list[object]:
        text = "".join(each.text for each in group if isinstance(each, TextDelta))
        return [(key, text)] if isinstance(group[0], TextDelta) else list(group)

    groups = [(key, list(group)) for key, group in itertools.groupby(events, message)]
    return [each for key, group in groups for each in whole(key, group)]


@given(st.lists(st.tuples(ITEMS, st.booleans())))
def test_a_queue_loses_nothing_and_only_joins_deltas(given: list[tuple[TurnEvent, bool]]) -> None:
    events = [event for event, _ in given]
    passed = asyncio.run(_passed(events, [take for _, take in given]))
    assert _joined(passed) == _joined(events)


def test_events_without_a_counterpart_are_left_out() -> None:
    assert not list(narrate(parse_event("turn/plan/updated", {"threadId": "t"})))


def test_every_public_name_can_be_imported() -> None:
    assert [name for name in codexmcp.__all__ if getattr(codexmcp, name, None) is None] == []
