"""The contract of `BlockingStore`: claiming runs and changing their states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.errors import StateError
from codexmcp.runs.run import Claim, Progress, Run
from codexmcp.runs.states import OVER, Phase, RunState, may_change
from codexmcp.runs.store import BlockingStore, Change, Limits
from tests.support.run_stores import AMPLE, claim, ended, running, submission

S = RunState


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_a_claimed_run_is_starting_and_belongs_to_who_took_it(store: BlockingStore) -> None:
    before, _ = store.add(submission("a"))
    run = store.claim("me", "g", AMPLE, 200.5)
    assert run == replace(
        before,
        state=S.STARTING,
        owner="me",
        attempt=1,
        started_at=200.5,
        phase=Phase.CLAIMED,
    )
    assert store.get("a") == run
    assert store.claim("me", "g", AMPLE, 201.0) is None


def test_the_highest_priority_comes_first_and_then_the_first_submitted(
    store: BlockingStore,
) -> None:
    for name, priority in [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)]:
        store.add(submission(name, priority=priority))
    assert [claim(store).id for _ in range(5)] == ["b", "d", "a", "e", "c"]


def test_on_a_thread_a_run_that_is_queued_again_comes_first(store: BlockingStore) -> None:
    running(store, "a")
    store.add(submission("before", priority=9, thread_id="t"))
    store.add(submission("other", priority=-9, thread_id="u"))
    store.change("a", S.RUNNING, Change(thread_id="t"))
    lost = store.change("a", S.QUEUED, Change(reason="again", is_retry=True))
    assert (lost.retried, lost.attempt, lost.ended_at) == (1, 1, None)
    store.add(submission("after", priority=5, thread_id="t"))
    assert [claim(store).id for _ in range(2)] == ["a", "other"]
    store.change("a", S.RUNNING)
    store.change("a", S.COMPLETED)
    assert [claim(store).id] == ["before"]


def test_a_run_that_another_group_has_queued_again_holds_up_nobody(store: BlockingStore) -> None:
    running(store, "a")
    store.change("a", S.RUNNING, Change(thread_id="t"))
    store.change("a", S.QUEUED, Change(is_retry=True))
    store.add(submission("b", group="h", thread_id="t"))
    run = store.claim("o", "h", AMPLE, 200.0)
    assert run is not None
    assert run.id == "b"


def test_a_run_that_is_queued_again_unsent_is_no_retry(store: BlockingStore) -> None:
    running(store, "a")
    assert store.change("a", S.QUEUED).retried == 0


def test_only_runs_of_the_group_are_claimed(store: BlockingStore) -> None:
    store.add(submission("a", group="h"))
    assert store.claim("o", "g", AMPLE, 200.0) is None


@pytest.mark.parametrize(
    ("now", "claimed"), [(100.0, []), (109.9, []), (110.0, ["a"]), (99.9, ["a"])]
)
def test_a_delayed_run_waits_unless_the_clock_was_put_back(
    store: BlockingStore, now: float, claimed: list[str]
) -> None:
    store.add(submission("a", created_at=100.0, delay_s=10.0))
    run = store.claim("o", "g", AMPLE, now)
    assert ids([] if run is None else [run]) == claimed


def test_a_run_without_delay_is_claimed_at_once_and_after_a_step_back(store: BlockingStore) -> None:
    store.add(submission("a", created_at=100.0))
    store.add(submission("b", created_at=100.0))
    assert claim(store, now=100.0).id == "a"
    assert claim(store, now=1.0).id == "b"


def test_no_more_runs_of_a_group_are_active_than_its_limit(store: BlockingStore) -> None:
    for name in "abc":
        store.add(submission(name, cwd=f"/{name}"))
    store.add(submission("other", group="h"))
    limits = Limits(total=2)
    claim(store, "one", limits)
    claim(store, "two", limits)
    assert store.claim("one", "g", limits, 200.0) is None
    assert store.claim("one", "h", limits, 200.0) is not None
    store.change("a", S.FAILED)
    assert claim(store, "one", limits).id == "c"


def test_a_key_at_its_limit_lets_others_pass(store: BlockingStore) -> None:
    for name, key in [("a", "hot"), ("b", "hot"), ("c", "hot"), ("d", "cold")]:
        store.add(submission(name, key=key))
    limits = Limits(per_key=2)
    assert [claim(store, limits=limits).id for _ in range(3)] == ["a", "b", "d"]
    assert store.claim("o", "g", limits, 200.0) is None


def test_runs_of_one_key_are_limited_together_whatever_their_groups(store: BlockingStore) -> None:
    store.add(submission("a", key="k"))
    store.add(submission("b", key="k", group="h"))
    claim(store)
    assert store.claim("o", "h", Limits(per_key=1), 200.0) is None


@pytest.mark.parametrize("limits", [Limits(total=0), Limits(per_key=0)])
def test_a_limit_of_zero_lets_nothing_start(store: BlockingStore, limits: Limits) -> None:
    store.add(submission("a"))
    assert store.claim("o", "g", limits, 200.0) is None


def test_one_run_at_a_time_works_on_a_thread(store: BlockingStore) -> None:
    for name, group in [("a", "g"), ("b", "g"), ("c", "h")]:
        store.add(submission(name, thread_id="t", group=group))
    store.add(submission("d", thread_id="u"))
    store.add(submission("e"))
    assert [claim(store).id for _ in range(3)] == ["a", "d", "e"]
    assert store.claim("o", "g", AMPLE, 200.0) is None
    assert store.claim("o", "h", AMPLE, 200.0) is None
    store.change("a", S.FAILED)
    assert claim(store).id == "b"


def test_a_thread_that_a_run_has_got_meanwhile_counts(store: BlockingStore) -> None:
    running(store, "a")
    store.change("a", S.RUNNING, Change(thread_id="t"))
    store.add(submission("b", thread_id="t"))
    assert store.claim("o", "g", AMPLE, 200.0) is None


def test_a_run_that_is_tried_again_keeps_its_place_and_counts_its_attempts(
    store: BlockingStore,
) -> None:
    running(store, "a")
    store.change("a", S.LOST, Change(turn_id="turn", thread_id="t", reason="gone", ended_at=300.0))
    store.add(submission("b"))
    waiting = store.change("a", S.QUEUED, Change(reason="again"))
    assert (waiting.ended_at, waiting.owner, waiting.reason) == (None, "o", "again")
    run = claim(store, "p", now=400.0)
    assert (run.id, run.owner, run.attempt, run.started_at) == ("a", "p", 2, 400.0)
    assert (run.thread_id, run.turn_id) == ("t", None)


def test_a_change_sets_what_is_given_and_leaves_the_rest(store: BlockingStore) -> None:
    before = running(store, "a")
    progress = Progress(7, TokenUsage(1, 2, 3, 4, 10), "ls")
    first = Change(thread_id="t", turn_id="u", reason="r", message="m", progress=progress)
    after = store.change("a", S.WAITING_FOR_APPROVAL, first)
    assert after == replace(
        before,
        state=S.WAITING_FOR_APPROVAL,
        thread_id="t",
        turn_id="u",
        reason="r",
        message="m",
        progress=progress,
    )
    assert store.get("a") == after
    ending = Change(reason="", message="", started_at=1.0, ended_at=2.0)
    last = store.change("a", S.COMPLETED, ending)
    assert (last.state, last.reason, last.message) == (S.COMPLETED, "", "")
    assert (last.started_at, last.ended_at, last.thread_id) == (1.0, 2.0, "t")
    assert store.get("a") == last


@pytest.mark.parametrize("state", sorted(OVER))
def test_an_ended_run_may_be_told_more_about_while_its_state_stays(
    store: BlockingStore, state: RunState
) -> None:
    store.restore([ended("a", state=state)])
    assert store.change("a", state, Change(message="late")).message == "late"
    found = store.get("a")
    assert found is not None
    assert found.message == "late"


@pytest.mark.parametrize("before", sorted(RunState))
def test_a_run_goes_only_where_the_table_of_states_allows(
    store: BlockingStore, before: RunState
) -> None:
    for after in sorted(set(RunState) - {before}):
        run_id = f"{before}-{after}"
        _bring_to(store, run_id, before)
        if may_change(before, after):
            assert store.change(run_id, after).state is after
            if not after.is_over:  # nothing may stand before the next one in the queue
                _end(store, run_id)
        else:
            with pytest.raises(StateError, match=f"{run_id} is {before} and cannot become {after}"):
                store.change(run_id, after, Change(message="x"))
            found = store.get(run_id)
            assert found is not None
            assert (found.state, found.message) == (before, "")
            if not before.is_over:
                _end(store, run_id)


def _bring_to(store: BlockingStore, run_id: str, state: RunState) -> None:
    if state.is_over:
        store.restore([ended(run_id, state=state)])
        return
    store.add(submission(run_id))
    if state is not S.QUEUED:
        assert claim(store).id == run_id
    if state in {S.RUNNING, S.WAITING_FOR_APPROVAL}:
        store.change(run_id, S.RUNNING)
    store.change(run_id, state)


def _end(store: BlockingStore, run_id: str) -> None:
    store.change(run_id, S.INTERRUPTED)


def test_an_unknown_run_cannot_be_changed(store: BlockingStore) -> None:
    with pytest.raises(StateError, match="no run nobody"):
        store.change("nobody", S.FAILED)


def test_a_change_of_another_owners_run_is_refused_whole(store: BlockingStore) -> None:
    before = running(store, "a", owner="me")
    with pytest.raises(StateError, match="belongs to me and not to you"):
        store.change("a", S.FAILED, Change(message="x"), by=Claim("you", 1))
    assert store.get("a") == before
    assert store.change("a", S.FAILED, by=Claim("me", 1)).state is S.FAILED


def test_a_run_without_owner_is_nobodys(store: BlockingStore) -> None:
    store.add(submission("a"))
    with pytest.raises(StateError, match="belongs to nobody"):
        store.change("a", S.INTERRUPTED, by=Claim("me", 1))


def test_a_change_by_an_earlier_attempt_is_refused_whole(store: BlockingStore) -> None:
    first = running(store, "a").claim
    store.change("a", S.QUEUED, by=first)
    second = claim(store)
    with pytest.raises(StateError, match="in its attempt 2, and attempt 1 is over"):
        store.change("a", S.RUNNING, Change(thread_id="old"), by=first)
    assert store.get("a") == second
    assert store.change("a", S.RUNNING, by=second.claim).state is S.RUNNING


def test_an_attempt_whose_run_is_queued_again_may_change_it_no_more(store: BlockingStore) -> None:
    first = running(store, "a").claim
    waiting = store.change("a", S.QUEUED, by=first)
    with pytest.raises(StateError, match="belongs to nobody"):
        store.change("a", S.INTERRUPTED, by=first)
    assert store.get("a") == waiting


def test_an_attempt_goes_through_its_phases_with_its_states(store: BlockingStore) -> None:
    assert store.add(submission("a"))[0].phase is None
    assert claim(store).phase is Phase.CLAIMED
    steps = [
        (S.STARTING, Phase.THREAD, Phase.THREAD),
        (S.STARTING, None, Phase.THREAD),
        (S.RUNNING, None, Phase.MAYBE_SENT),
        (S.WAITING_FOR_APPROVAL, Phase.TURN, Phase.TURN),
        (S.RUNNING, None, Phase.TURN),
        (S.LOST, None, Phase.ENDED),
        (S.LOST, Phase.AUDITED, Phase.AUDITED),
        (S.LOST, Phase.GIVEN_BACK, Phase.GIVEN_BACK),
        (S.QUEUED, None, None),
    ]
    for state, given, phase in steps:
        assert store.change("a", state, Change(phase=given)).phase is phase
        found = store.get("a")
        assert found is not None
        assert found.phase is phase


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (S.RUNNING, Phase.THREAD),
        (S.RUNNING, Phase.MAYBE_SENT),
        (S.RUNNING, Phase.ENDED),
        (S.FAILED, Phase.TURN),
        (S.QUEUED, Phase.CLAIMED),
    ],
)
def test_a_phase_that_lies_behind_or_belongs_to_another_state_is_refused(
    store: BlockingStore, state: RunState, phase: Phase
) -> None:
    running(store, "a")
    before = store.change("a", S.RUNNING, Change(phase=Phase.TURN))
    with pytest.raises(StateError, match=f"cannot be {phase}"):
        store.change("a", state, Change(phase=phase, reason="x"))
    assert store.get("a") == before


@pytest.mark.parametrize(("ended", "retried"), [(S.LOST, 1), (S.RUNNING, 0)])
def test_only_a_lost_run_that_is_queued_again_counts_as_retried(
    store: BlockingStore, ended: RunState, retried: int
) -> None:
    running(store, "a")
    store.change("a", ended)
    assert store.change("a", S.QUEUED).retried == retried
    assert claim(store).retried == retried
    store.change("a", S.QUEUED)
    assert claim(store).retried == retried
