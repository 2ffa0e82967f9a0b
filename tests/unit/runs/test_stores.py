"""The contract of `BlockingStore`: adding, listing, restoring and deleting runs; owners."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.errors import StoreError
from codexmcp.runs.run import Claim, Progress, Run, RunRequest, Submission
from codexmcp.runs.states import OVER, Phase, RunState
from codexmcp.runs.store import BlockingStore, Change, Owner, Selection
from tests.support.run_stores import claim, ended, running, submission

S = RunState


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_an_added_run_is_queued_and_found_as_it_was_handed_in(store: BlockingStore) -> None:
    request = RunRequest(
        prompt="prüfe\0 das",
        cwd="/w",
        audit_dir="/a",
        env={"A": "b"},
        thread={"config": {"x": [1, None]}},
        images=("/i.png",),
        output_schema={"type": "object"},
        timeout_s=1.5,
    )
    given = Submission("r", request, "g", 100.5, thread_id="t", key="k", priority=-3)
    run, is_new = store.add(given)
    assert is_new
    assert store.get("r") == run
    assert run == Run("r", run.sequence, request, S.QUEUED, "g", "k", -3, 100.5, thread_id="t")


def test_the_key_of_a_run_is_its_folder_by_default(store: BlockingStore) -> None:
    assert store.add(submission("r", cwd="/x"))[0].key == "/x"


def test_later_runs_have_higher_sequences_even_after_a_deletion(store: BlockingStore) -> None:
    first, second = store.add(submission("a"))[0], store.add(submission("b"))[0]
    store.change("b", S.INTERRUPTED)
    store.delete(["b"])
    third = store.add(submission("c"))[0]
    assert first.sequence < second.sequence < third.sequence


def test_a_run_that_is_not_there_is_none(store: BlockingStore) -> None:
    assert store.get("nobody") is None


def test_ids_are_found_by_their_beginning_the_newest_first(store: BlockingStore) -> None:
    for run_id in ("ab1", "b", "ab2", "a", "ab"):
        store.add(submission(run_id))
    assert store.ids("ab", 9) == ["ab", "ab2", "ab1"]
    assert store.ids("ab", 2) == ["ab", "ab2"]
    assert store.ids("", 9) == ["ab", "a", "ab2", "b", "ab1"]
    assert store.ids("c", 9) == store.ids("a", 0) == store.ids("%", 9) == store.ids("a_", 9) == []


def test_the_same_idempotency_key_gives_the_first_run_and_records_nothing(
    store: BlockingStore,
) -> None:
    first, _ = store.add(submission("a", idempotency_key="k"))
    again = store.add(submission("b", idempotency_key="k", prompt="other"))
    assert again == (first, False)
    assert store.get("b") is None


def test_a_retried_submission_with_its_own_id_and_key_is_not_new(store: BlockingStore) -> None:
    store.add(submission("a", idempotency_key="k"))
    assert store.add(submission("a", idempotency_key="k"))[1] is False


def test_an_idempotency_key_gives_the_run_as_it_stands_now(store: BlockingStore) -> None:
    store.add(submission("a", idempotency_key="k"))
    claim(store)
    assert store.add(submission("b", idempotency_key="k"))[0].state is S.STARTING


def test_an_idempotency_key_holds_whatever_the_group(store: BlockingStore) -> None:
    first, _ = store.add(submission("a", idempotency_key="k"))
    again = store.add(submission("b", idempotency_key="k", group="h"))
    assert again == (first, False)


def test_an_idempotency_key_is_free_again_once_its_run_is_deleted(store: BlockingStore) -> None:
    store.add(submission("a", idempotency_key="k"))
    store.change("a", S.INTERRUPTED)
    store.delete(["a"])
    assert store.add(submission("b", idempotency_key="k"))[1] is True


def test_an_id_is_given_only_once(store: BlockingStore) -> None:
    store.add(submission("a", prompt="first"))
    with pytest.raises(StoreError, match="there is a run a already"):
        store.add(submission("a", prompt="second"))
    found = store.get("a")
    assert found is not None
    assert found.request.prompt == "first"


def test_what_a_caller_does_to_its_request_later_changes_nothing(store: BlockingStore) -> None:
    env = {"A": "1"}
    request = RunRequest(prompt="p", cwd="/w", audit_dir="/a", env=env)
    store.add(Submission("a", request, "g", 1.0))
    env["A"] = "2"
    found = store.get("a")
    assert found is not None
    assert found.request.env == {"A": "1"}


def test_text_that_is_no_unicode_survives(store: BlockingStore) -> None:
    # The name of a folder may be any bytes, and Python shows them as lone surrogates.
    store.add(submission("a", cwd="/w\udcff", prompt="\ud800"))
    change = Change(reason="why\udcfe", message="what\udcfd")
    after = store.change("a", S.FAILED, change)
    assert store.get("a") == after
    assert (after.request.cwd, after.request.prompt) == ("/w\udcff", "\ud800")
    assert store.select(Selection(cwd="/w\udcff")) == [after]


def test_runs_are_listed_newest_first_up_to_the_limit(store: BlockingStore) -> None:
    for name in "abcd":
        store.add(submission(name))
    assert ids(store.select(Selection())) == ["d", "c", "b", "a"]
    assert ids(store.select(Selection(limit=2))) == ["d", "c"]
    assert store.select(Selection(limit=0)) == []


def test_paging_by_sequence_shows_each_run_once(store: BlockingStore) -> None:
    for name in "abcde":
        store.add(submission(name))
    first = store.select(Selection(limit=2))
    second = store.select(Selection(limit=2, before=first[-1].sequence))
    third = store.select(Selection(limit=2, before=second[-1].sequence))
    assert ids(first + second + third) == ["e", "d", "c", "b", "a"]


def test_runs_are_listed_by_folder_and_by_state_and_by_both(store: BlockingStore) -> None:
    for name, cwd in [("a", "/1"), ("b", "/2"), ("c", "/1"), ("d", "/2"), ("e", "/1")]:
        store.add(submission(name, cwd=cwd))
    store.change("a", S.FAILED)
    store.change("d", S.INTERRUPTED)
    store.change("e", S.INTERRUPTED)
    over = {S.FAILED, S.INTERRUPTED}
    assert ids(store.select(Selection(cwd="/1"))) == ["e", "c", "a"]
    assert ids(store.select(Selection(states=over))) == ["e", "d", "a"]
    assert ids(store.select(Selection(states=over, cwd="/1"))) == ["e", "a"]
    assert ids(store.select(Selection(states=over, limit=2))) == ["e", "d"]
    assert store.select(Selection(states=())) == []
    assert store.select(Selection(cwd="/3")) == []


def test_runs_are_counted_by_state_within_a_group(store: BlockingStore) -> None:
    for name in "abc":
        store.add(submission(name))
    store.add(submission("d", group="h"))
    claim(store)
    store.change("b", S.FAILED)
    assert store.counts("g") == {S.QUEUED: 1, S.STARTING: 1, S.FAILED: 1}
    store.delete(["b"])
    store.restore([ended("e"), ended("f")])
    assert store.counts("g") == {S.QUEUED: 1, S.STARTING: 1, S.COMPLETED: 2}
    assert store.counts("nobody") == {}


def test_progress_is_noted_for_active_runs_and_passed_over_for_others(store: BlockingStore) -> None:
    before = running(store, "a")
    queued, _ = store.add(submission("b"))
    store.restore([ended("c")])
    progress = Progress(3, TokenUsage(1, 0, 2, 0, 3), "step\udcff")
    by = Claim("o", 1)
    store.note_progress({(name, by): progress for name in ("a", "b", "c", "nobody")})
    assert store.get("a") == replace(before, progress=progress)
    assert store.get("b") == queued
    for_ended = store.get("c")
    assert for_ended is not None
    assert for_ended.progress == Progress()
    store.note_progress({("a", Claim("p", 1)): Progress(), ("a", Claim("o", 2)): Progress()})
    assert store.get("a") == replace(before, progress=progress)
    store.note_progress({})


def test_restored_runs_carry_what_the_audit_files_tell(store: BlockingStore) -> None:
    fields = ended(
        "a",
        state="failed",
        created_at=5,
        key="k",
        priority=2,
        started_at=6.5,
        ended_at=7.5,
        owner="o",
        attempt=2,
        thread_id="t",
        turn_id="u",
        reason="why",
        message="what",
    )
    assert store.restore([fields]) == 1
    run = store.get("a")
    assert run is not None
    assert run == Run(
        id="a",
        sequence=run.sequence,
        request=RunRequest(prompt="do it", cwd="/w", audit_dir="/a"),
        state=S.FAILED,
        group="g",
        key="k",
        priority=2,
        created_at=5.0,
        started_at=6.5,
        ended_at=7.5,
        owner="o",
        attempt=2,
        thread_id="t",
        turn_id="u",
        reason="why",
        message="what",
        phase=Phase.GIVEN_BACK,
    )


def test_of_runs_restored_together_the_older_comes_first(store: BlockingStore) -> None:
    restored = store.restore(
        [ended("c", created_at=3.0), ended("a", created_at=1.0), ended("b", created_at=2.0)]
    )
    assert restored == 3
    assert ids(store.select(Selection())) == ["c", "b", "a"]


def test_a_known_run_is_not_restored_over(store: BlockingStore) -> None:
    before = running(store, "a")
    again = [ended("a", message="x"), ended("b", message="1"), ended("b", message="2")]
    assert store.restore(again) == 1
    assert store.get("a") == before
    found = store.get("b")
    assert found is not None
    assert found.message == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "running"},
        {"state": "queued"},
        {"state": "nonsense"},
        {"state": ["completed"]},
        {"id": "../a"},
        {"id": None},
        {"created_at": "yesterday"},
        {"created_at": float("nan")},
        {"created_at": True},
        {"request": {"prompt": "p"}},
        {"request": None},
    ],
)
def test_what_is_no_ended_run_is_passed_over_when_restoring(
    store: BlockingStore, wrong: dict[str, object]
) -> None:
    assert store.restore([{**ended("a"), **wrong}, ended("b")]) == 1
    assert ids(store.select(Selection())) == ["b"]


def test_a_number_that_no_store_could_keep_does_not_stop_restoring(store: BlockingStore) -> None:
    assert store.restore([ended("a", priority=2**70, attempt=-(2**64)), ended("b")]) == 2


def test_only_ended_runs_are_deleted(store: BlockingStore) -> None:
    running(store, "active")
    store.add(submission("queued"))
    store.restore([ended(state.value, state=state) for state in sorted(OVER)])
    names = [*OVER, *OVER, "active", "queued", "nobody"]
    assert store.delete(names) == len(OVER)
    assert ids(store.select(Selection())) == ["queued", "active"]
    assert store.delete(names) == 0


def test_a_deleted_run_can_be_restored(store: BlockingStore) -> None:
    store.restore([ended("a", message="old")])
    store.delete(["a"])
    assert store.restore([ended("a", message="new")]) == 1
    found = store.get("a")
    assert found is not None
    assert found.message == "new"


def test_owners_are_on_record_until_they_are_deleted(store: BlockingStore) -> None:
    first, second = Owner("a", 1, "/s", "g"), Owner("b", 2, "", "h")
    store.add_owner(first)
    store.add_owner(second)
    assert store.owners() == [first, second]
    store.add_owner(replace(first, pid=3))
    assert store.owners() == [replace(first, pid=3), second]
    store.delete_owner("a")
    store.delete_owner("nobody")
    assert store.owners() == [second]


def test_an_owners_active_runs_are_found_oldest_first(store: BlockingStore) -> None:
    for name, owner in [("a", "me"), ("b", "you"), ("c", "me"), ("d", "me")]:
        running(store, name, owner)
    store.change("c", S.COMPLETED)
    store.change("a", S.WAITING_FOR_APPROVAL)
    assert ids(store.owned("me")) == ["a", "d"]
    assert store.owned("nobody") == []


def test_an_owners_ended_runs_are_unsettled_until_they_are_given_back(store: BlockingStore) -> None:
    for name, owner in [("a", "me"), ("b", "you"), ("c", "me"), ("d", "me")]:
        running(store, name, owner)
    for name in "abc":
        store.change(name, S.COMPLETED)
    store.change("c", S.COMPLETED, Change(phase=Phase.AUDITED))
    assert [(run.id, run.phase) for run in store.unsettled("me")] == [
        ("a", Phase.ENDED),
        ("c", Phase.AUDITED),
    ]
    store.change("a", S.COMPLETED, Change(phase=Phase.GIVEN_BACK))
    assert ids(store.unsettled("me")) == ["c"]
    assert store.unsettled("nobody") == []


def test_runs_are_tallied_by_folder_whatever_their_group(store: BlockingStore) -> None:
    store.add(submission("a", cwd="/one"))
    store.add(submission("b", cwd="/one", group="other"))
    store.add(submission("c", cwd="/two"))
    store.restore([ended("d")])
    assert store.tally("/one") == {S.QUEUED: 2}
    assert store.tally("/nowhere") == {}
    assert store.tally(None) == {S.QUEUED: 3, S.COMPLETED: 1}
    store.delete(["d"])
    assert store.tally(None) == {S.QUEUED: 3}
