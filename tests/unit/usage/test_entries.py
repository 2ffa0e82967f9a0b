from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.usage.entries import (
    HEAD_BYTES,
    ProviderChosen,
    Recorded,
    ThreadMeta,
    TokenCount,
    TurnContext,
    TurnStarted,
    may_tell,
    parse_entry,
)
from codexmcp.usage.tokens import Tokens, parse_tokens
from tests.support import rollouts
from tests.support.rollouts import line, usage

TOKENS = Tokens(10, 4, 1, 7, 3)
AT = 1795176000.0

USEFUL = {
    "meta": (rollouts.meta("t", "p", "/w", "x"), ThreadMeta("t", "p", "/w", "x")),
    "context": (rollouts.context("t1", "m", "/c"), TurnContext("t1", "m", "/c")),
    "started": (rollouts.started("t1"), TurnStarted("t1")),
    "counted": (rollouts.counted(TOKENS, TOKENS), TokenCount(AT, TOKENS, TOKENS)),
    "recorded": (rollouts.recorded("t1", TOKENS), Recorded(AT, "t1", TOKENS)),
    "settings": (
        line(
            "event_msg",
            {"type": "thread_settings_applied", "thread_settings": {"model_provider_id": "x"}},
        ),
        ProviderChosen("x"),
    ),
}


@pytest.mark.parametrize("name", USEFUL)
def test_what_tells_of_tokens_is_read(name: str) -> None:
    data, entry = USEFUL[name]
    assert may_tell(data[:HEAD_BYTES])
    assert parse_entry(data) == entry


@pytest.mark.parametrize("name", USEFUL)
def test_the_order_of_fields_does_not_matter(name: str) -> None:
    data, entry = USEFUL[name]
    turned = json.dumps(dict(reversed(json.loads(data).items()))).encode()
    assert may_tell(turned[:HEAD_BYTES])
    assert parse_entry(turned) == entry


def test_messages_are_passed_over_by_their_first_bytes_even_when_they_quote_a_count() -> None:
    quoting = rollouts.message('{"type":"event_msg","payload":{"type":"token_count"}}')
    assert not may_tell(quoting[:HEAD_BYTES])
    assert parse_entry(quoting) is None


def test_a_number_of_the_line_does_not_hide_its_kind() -> None:
    data = rollouts.message().replace(b',"type"', b',"ordinal":17,"type"', 1)
    assert not may_tell(data)


def test_an_event_whose_kind_comes_later_is_looked_into() -> None:
    assert may_tell(
        b'{"timestamp":"x","type":"event_msg","payload":{"info":1,"type":"token_count"}}'
    )


def test_a_count_without_information_is_only_about_rate_limits() -> None:
    assert parse_entry(line("event_msg", {"type": "token_count", "info": None})) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'"text"',
        b"[" * 100_000,
        rollouts.counted(TOKENS, TOKENS).replace(rollouts.NOON.encode(), b"noon"),
        rollouts.recorded("t", TOKENS).replace(b":10,", b':"10",'),
        rollouts.recorded("t", TOKENS, "9999-12-31T23:59:59Z"),
        line("event_msg", {"type": "token_count", "info": {}}),
    ],
)
def test_what_is_broken_is_said_to_be(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds will do
        parse_entry(data)


@pytest.mark.parametrize("count", [-1, 2**53, 1.5, True, "7", None])
def test_a_count_that_is_no_count_makes_the_tokens_unknown(count: object) -> None:
    assert parse_tokens({**usage(TOKENS), "output_tokens": count}) is None


def test_counts_that_older_builds_do_not_know_are_0() -> None:
    old = {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 7}
    assert parse_tokens(old) == Tokens(10, 4, 0, 7, 0)


def test_half_of_a_surrogate_pair_does_no_harm() -> None:
    entry = parse_entry(rollouts.context("t1", "\ud800"))
    assert entry == TurnContext("t1", "?", "/w")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(st.sampled_from(sorted(USEFUL)), JSON, st.sampled_from(["payload", "type", "timestamp"]))
def test_no_shape_of_a_line_raises_anything_else(name: str, value: object, key: str) -> None:
    changed = {**json.loads(USEFUL[name][0]), key: value}
    with contextlib.suppress(ValueError):
        parse_entry(json.dumps(changed).encode())
