"""The values of a reply and their two encodings."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.rehearsal.encoding import (
    encode_event,
    failed_events,
    response_object,
    stream_events,
)
from codexmcp.rehearsal.responses import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    Reply,
    Usage,
)

items: st.SearchStrategy[Item] = st.one_of(
    st.builds(Message, st.text(), st.none() | st.integers(1, 9)),
    st.builds(FunctionCall, st.just("exec_command"), st.dictionaries(st.text(), st.text())),
    st.builds(CustomToolCall, st.just("exec"), st.text(), st.none() | st.just("call_1")),
)
replies = st.builds(Reply, st.lists(items, max_size=3).map(tuple))


def events_of(reply: Reply) -> list[dict[str, Any]]:
    return list(stream_events(reply, "r1", "rehearsal"))


@given(replies)
def test_the_stream_ends_with_what_the_single_object_says(reply: Reply) -> None:
    last = events_of(reply)[-1]
    assert last["type"] == "response.completed"
    assert last["response"] == response_object(reply, "r1", "rehearsal")


@given(replies)
def test_events_are_numbered_from_0_without_gaps(reply: Reply) -> None:
    numbers = [event["sequence_number"] for event in events_of(reply)]
    assert numbers == list(range(len(numbers)))


@given(st.text(min_size=1), st.integers(1, 20))
def test_deltas_have_the_chunk_size_and_add_up_to_the_text(text: str, size: int) -> None:
    deltas = list(Message(text, size).deltas())
    assert "".join(deltas) == text
    assert all(len(delta) == size for delta in deltas[:-1])


def test_a_message_is_one_delta_unless_a_chunk_size_is_given() -> None:
    assert list(Message("one two").deltas()) == ["one two"]
    assert list(Message("").deltas()) == []


def test_twenty_thousand_deltas_are_twenty_thousand_events() -> None:
    events = events_of(Reply((Message("word " * 20_000, 5),)))
    assert sum(event["type"] == "response.output_text.delta" for event in events) == 20_000


def test_a_missing_call_id_derives_from_the_response_and_a_given_one_stays() -> None:
    reply = Reply((FunctionCall("a", {}), FunctionCall("b", {}, "mine")))
    first, second = response_object(reply, "r1", "m")["output"]
    assert (first["call_id"], second["call_id"]) == ("call_r1_0", "mine")


def test_usage_is_reported_in_the_words_of_the_api() -> None:
    usage = response_object(Reply(usage=Usage(10, 4, 3, 2)), "r1", "m")["usage"]
    assert usage == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }


def test_a_failed_response_ends_with_its_code_and_message() -> None:
    events = list(failed_events("rate_limit_exceeded", "slow down", "r1", "m"))
    assert [event["type"] for event in events] == ["response.created", "response.failed"]
    assert events[-1]["response"]["error"]["message"] == "slow down"


@given(st.text())
def test_an_encoded_event_is_one_data_line_whatever_the_text(text: str) -> None:
    encoded = encode_event({"type": "t", "text": text}).decode()
    name, data, end = encoded.split("\n", 2)
    assert name == "event: t"
    assert json.loads(data.removeprefix("data: "))["text"] == text
    assert end == "\n"
