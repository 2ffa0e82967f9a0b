from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.usage.entries import parse_entry
from codexmcp.usage.thread import Spending, Thread
from codexmcp.usage.tokens import Tokens
from tests.support import rollouts
from tests.support.rollouts import Writer

A, B, C = Tokens(100, 50, 0, 10, 5), Tokens(200, 150, 8, 20, 0), Tokens(300, 0, 0, 30, 30)

FEW = st.integers(0, 3)
SOME = st.builds(Tokens, st.integers(1, 3), FEW, FEW, FEW, FEW)
TURNS = st.lists(st.lists(SOME, max_size=3), max_size=4)


def follow(lines: Iterable[bytes], thread: Thread | None = None) -> list[Spending]:
    thread = Thread() if thread is None else thread
    found = []
    for data in lines:
        entry = parse_entry(data)
        if entry is None:
            thread.pass_over()
        elif (spent := thread.follow(entry)) is not None:
            found.append(spent)
    return found


def tokens(found: Iterable[Spending]) -> list[Tokens]:
    return [each.tokens for each in found]


@pytest.mark.parametrize("records", [False, True])
def test_each_response_is_found_once_with_what_it_was_made_by(*, records: bool) -> None:
    writer = Writer("t", records).begin(cwd="/p", provider="x")
    writer.turn(A, B).turn(C, model="gpt-6-sol")
    found = follow(writer.lines)
    assert tokens(found) == [A, B, C]
    assert [(each.model, each.provider, each.cwd) for each in found] == [
        ("gpt-5.5", "x", "/w"),
        ("gpt-5.5", "x", "/w"),
        ("gpt-6-sol", "x", "/w"),
    ]


def test_a_count_that_only_repeats_the_last_one_spends_nothing() -> None:
    writer = Writer("t").begin().turn(A)
    again = rollouts.counted(writer.total, A)
    assert tokens(follow([*writer.lines, again, again])) == [A]


def test_the_estimate_after_a_compaction_spends_nothing() -> None:
    writer = Writer("t").begin().turn(A)
    estimate = rollouts.counted(writer.total, Tokens())
    assert tokens(follow([*writer.lines, estimate])) == [A]


def test_a_record_that_comes_after_its_count_is_not_counted_again() -> None:
    lines = [rollouts.meta("t"), rollouts.started("t1"), rollouts.context("t1"), rollouts.message()]
    lines += [rollouts.counted(A, A), rollouts.recorded("t1", A)]
    lines += [rollouts.counted(A.plus(B), B), rollouts.recorded("t1", B)]
    assert tokens(follow(lines)) == [A, B]


def test_two_like_responses_of_one_turn_are_two() -> None:
    for records in (False, True):
        found = follow(Writer("t", records).begin().turn(A, A).lines)
        assert tokens(found) == [A, A]
        assert len({each.key for each in found}) == 2


def test_like_turns_of_two_threads_are_two() -> None:
    one, other = (follow(Writer(name).begin().turn(A).lines) for name in ("t", "u"))
    assert one[0].key != other[0].key


def test_a_fork_without_a_copy_begins_with_the_count_of_its_parent() -> None:
    lines = [rollouts.meta("f", "t"), rollouts.started("f1"), rollouts.counted(A.plus(B), B)]
    lines += [rollouts.recorded("f1", C), rollouts.counted(A.plus(B).plus(C), C)]
    assert tokens(follow(lines)) == [C]


def test_a_fork_without_a_copy_and_without_records_spends_what_came_last() -> None:
    lines = [rollouts.meta("f", "t"), rollouts.started("f1"), rollouts.context("f1")]
    lines += [rollouts.message(), rollouts.counted(A.plus(B), B)]
    assert tokens(follow(lines)) == [B]


def test_records_take_over_when_a_newer_build_goes_on_with_a_thread() -> None:
    writer = Writer("t").begin().turn(A)
    writer.records = True
    writer.turn(B)
    writer.records = False
    assert tokens(follow(writer.turn(C).lines)) == [A, B, C]


def test_a_total_that_starts_anew_is_followed() -> None:
    lines = [*Writer("t").begin().turn(B).lines, rollouts.started("t2"), rollouts.context("t2")]
    assert tokens(follow([*lines, rollouts.message(), rollouts.counted(A, A)])) == [B, A]


def test_rollouts_that_do_not_name_their_turns_are_known_by_their_totals() -> None:
    def old(name: str, *parents: str) -> list[bytes]:
        metas = [rollouts.meta(name, *parents[:1]), *map(rollouts.meta, parents)]
        return [*metas, rollouts.context(""), rollouts.counted(A, A)]

    parent = [*old("t"), rollouts.counted(A.plus(A), A)]
    fork = [*old("f", "t"), rollouts.counted(A.plus(B), B)]
    keys = [each.key for each in (*follow(parent), *follow(fork))]
    assert (len(keys), len(set(keys))) == (4, 3)


def test_requests_before_the_first_context_have_no_model_but_a_parent() -> None:
    thread = Thread()
    lines = [rollouts.meta("f", "t"), rollouts.started("f1"), rollouts.recorded("f1", A)]
    (spent,) = follow(lines, thread)
    assert (spent.model, thread.parent) == ("", "t")


def test_the_provider_is_the_one_of_the_last_settings() -> None:
    settings = {"type": "thread_settings_applied", "thread_settings": {"model_provider_id": "y"}}
    writer = Writer("t").begin(provider="x").turn(A)
    writer.lines.append(rollouts.line("event_msg", settings))
    assert [each.provider for each in follow(writer.turn(B).lines)] == ["x", "y"]


@given(before=TURNS, after=TURNS, forked=TURNS, records=st.booleans(), keeps_records=st.booleans())
def test_a_copy_never_counts_twice_whatever_wrote_it(
    before: list[list[Tokens]],
    after: list[list[Tokens]],
    forked: list[list[Tokens]],
    *,
    records: bool,
    keeps_records: bool,
) -> None:
    parent = Writer("t", records).begin()
    for turn in before:
        parent.turn(*turn)
    fork = parent.fork("f")
    if not keeps_records:
        fork.lines = [data for data in fork.lines if b"token_usage_record" not in data]
    grandchild = fork.fork("g")
    for writer, turns in ((parent, after), (fork, forked), (grandchild, forked)):
        for turn in turns:
            writer.turn(*turn)
    found = [each for writer in (parent, fork, grandchild) for each in follow(writer.lines)]
    unique = {each.key: each.tokens for each in found}
    spent = [each for turns in (before, after, forked, forked) for turn in turns for each in turn]
    assert sorted(unique.values()) == sorted(spent)


@given(turns=TURNS, data=st.data(), records=st.booleans())
def test_following_can_be_taken_up_at_any_line(
    turns: list[list[Tokens]], data: st.DataObject, *, records: bool
) -> None:
    writer = Writer("t", records).begin()
    for turn in turns:
        writer.turn(*turn)
    cut = data.draw(st.integers(0, len(writer.lines)))
    thread = Thread()
    first = follow(writer.lines[:cut], thread)
    later = Thread.from_json(json.loads(json.dumps(thread.to_json())))
    assert later == thread
    assert [*first, *follow(writer.lines[cut:], later)] == follow(writer.lines)


@pytest.mark.parametrize(
    "value",
    [{"id": 1}, {"total": [1]}, {"total": "x"}, {"counted": True}, {"total": [1, 2, 3, 4, "5"]}],
)
def test_what_was_written_down_wrong_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, everything is read again
        Thread.from_json(value)
