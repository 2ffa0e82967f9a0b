from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import parse_event
from codexmcp.appserver.refusals import typed
from codexmcp.errors import AppServerClosedError, RequestError
from codexmcp.runs.audit.evidence import evidence_of
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.groups import group_id
from codexmcp.runs.ownership import FlockLiveness
from codexmcp.runs.preparation import CONTINUE_PROMPT
from codexmcp.runs.recovery import MAX_TRIES, NEVER_SENT, Recovery, fate_of
from codexmcp.runs.run import Run, RunRequest, Submission
from codexmcp.runs.states import Phase, RunState
from codexmcp.runs.store import Change, Limits, Owner
from tests.support.audit import a_run, open_trail, running
from tests.support.memory_store import MemoryStore
from tests.support.run_service import in_a_thread

CAUSE = "its supervisor died"


class NoCodex:
    """A Codex that cannot be started."""

    generation = 0
    failure_cause = ""

    def check_access(self, task: Mapping[str, Any]) -> None:
        """Take any task."""

    async def get(self) -> AppServer:
        raise AppServerClosedError("there is none")

    def end(self, server: AppServer, reason: str) -> None:
        raise AssertionError("nothing runs here")

    async def effective_config(self) -> dict[str, Any]:
        return {}


class Reader(NoCodex):
    """A Codex with one thread on record, or an error in its place."""

    def __init__(self, found: list[dict[str, Any]] | str) -> None:
        self._found = found

    @property
    def info(self) -> Mapping[str, Any]:
        return {}

    async def get(self) -> AppServer:
        return cast("AppServer", self)

    async def read_thread(self, _thread_id: str) -> dict[str, Any]:
        if isinstance(self._found, str):
            raise typed(RequestError("thread/read", -32600, self._found))
        return {"turns": self._found}


def turn(turn_id: str, prompt: str, **fields: Any) -> dict[str, Any]:
    message = {"type": "userMessage", "content": [{"type": "text", "text": prompt}]}
    return {"id": turn_id, "status": "interrupted", "items": [message], **fields}


def store_with_run_of(owner: str) -> MemoryStore:
    store = MemoryStore()
    store.add_owner(Owner(owner, 1, "", "group"))
    store.add(Submission("run", RunRequest("hello", "/work", "/work/runs"), "group", 1.0))
    store.claim(owner, "group", Limits(), 2.0)
    store.change("run", RunState.RUNNING, Change(thread_id="thread"))
    return store


def recovering(
    store: MemoryStore,
    owner: Owner,
    locks: Path,
    codex: NoCodex,
    reconcile: Callable[[Sequence[Run]], object] = lambda _runs: None,
) -> Recovery:
    """Return the recovery of a store whose owners have their lock files in a folder."""
    liveness = FlockLiveness(locks)
    return Recovery(in_a_thread(store), owner, liveness, codex, lambda _run: None, reconcile)


async def swept(
    store: MemoryStore, own: str, locks: Path, times: int = 1, codex: NoCodex | None = None
) -> Run:
    owner = Owner(own, 2, "", "group")
    codex = codex or NoCodex()
    recovery = Recovery(
        in_a_thread(store),
        owner,
        FlockLiveness(locks),
        codex,
        lambda _run: None,
        lambda _runs: None,
    )
    for _ in range(times):
        await recovery.sweep()
    run = store.get("run")
    assert run is not None
    return run


async def test_a_run_whose_owner_is_gone_is_lost_even_without_codex(tmp_path: Path) -> None:
    run = await swept(store_with_run_of("other"), "me", tmp_path, MAX_TRIES)
    assert run.state is RunState.LOST
    assert "died while it ran" in run.reason


async def test_runs_whose_conversations_lie_elsewhere_are_left_to_others(tmp_path: Path) -> None:
    store = store_with_run_of("other")
    elsewhere = Owner("me", 2, "", group_id("group", "place"))
    recovery = Recovery(
        in_a_thread(store),
        elsewhere,
        FlockLiveness(tmp_path),
        NoCodex(),
        lambda _run: None,
        lambda _runs: None,
    )
    for _ in range(MAX_TRIES):
        await recovery.sweep()
    assert [run.state for run in store.owned("other")] == [RunState.RUNNING]


async def test_a_codex_that_cannot_tell_now_is_asked_again(tmp_path: Path) -> None:
    run = await swept(store_with_run_of("other"), "me", tmp_path, MAX_TRIES - 1)
    assert run.state is RunState.RUNNING


async def test_our_own_runs_are_ours_although_our_lock_file_was_deleted(tmp_path: Path) -> None:
    run = await swept(store_with_run_of("me"), "me", tmp_path)
    assert run.state is RunState.RUNNING


async def test_the_files_of_a_run_are_brought_up_to_its_state_before_its_ending(
    tmp_path: Path,
) -> None:
    store, reconciled = store_with_run_of("other"), list[Run]()
    recovery = Recovery(
        in_a_thread(store),
        Owner("me", 2, "", "group"),
        FlockLiveness(tmp_path),
        Reader([]),
        lambda _run: None,
        reconciled.extend,
    )
    await recovery.sweep()
    # The owner may have been killed between the store and the files.
    assert [run.state for run in reconciled][:1] == [RunState.RUNNING]


async def test_an_ended_run_of_a_dead_owner_is_settled_and_its_owner_forgotten(
    tmp_path: Path,
) -> None:
    store, reconciled = store_with_run_of("other"), list[Run]()
    ended = store.change("run", RunState.COMPLETED)
    me = Owner("me", 2, "", "group")
    recovery = Recovery(
        in_a_thread(store),
        me,
        FlockLiveness(tmp_path),
        Reader([]),
        lambda _run: None,
        reconciled.extend,
    )
    await recovery.sweep()
    assert reconciled == [ended]
    assert store.get("run") == replace(ended, phase=Phase.GIVEN_BACK)
    assert store.owners() == []


async def test_a_lost_run_with_retries_goes_on_only_if_its_prompt_is_on_record(
    tmp_path: Path,
) -> None:
    for found, state in (([turn("t", "hello")], RunState.QUEUED), ([], RunState.LOST)):
        store = MemoryStore()
        store.add_owner(Owner("other", 1, "", "group"))
        request = RunRequest("hello", "/work", "/work/runs", retries=1)
        store.add(Submission("run", request, "group", 1.0))
        store.claim("other", "group", Limits(), 2.0)
        store.change("run", RunState.RUNNING, Change(thread_id="thread"))
        run = await swept(store, "me", tmp_path, codex=Reader(found))
        assert run.state is state


def cut_off(**fields: Any) -> Run:
    run = Run("r", 1, RunRequest("do it", "/w", "/none"), RunState.RUNNING, "g", "/w", 0, 1.0)
    return replace(run, attempt=1, owner="o", thread_id="thread", **fields)


async def test_a_run_that_was_only_starting_was_never_sent() -> None:
    starting = cut_off(state=RunState.STARTING, phase=Phase.THREAD)
    assert await fate_of(Reader([]), starting, CAUSE) is NEVER_SENT


EMPTY = "rollout at /h/sessions/rollout-1.jsonl is empty"


@pytest.mark.parametrize("found", [[], EMPTY, "no rollout found for thread id thread"])
async def test_a_prompt_without_any_trace_may_have_been_sent(
    found: list[dict[str, Any]] | str,
) -> None:
    """In a full Codex home a whole turn leaves no trace."""
    fate = await fate_of(Reader(found), cut_off(), CAUSE)
    assert (fate.state, fate.is_on_record, fate.turn_id) == (RunState.LOST, False, None)
    assert "cannot be told whether it was sent" in fate.reason
    assert ("cannot be resumed" in fate.reason) == bool(found)


async def test_a_turn_that_only_the_audit_file_tells_of_has_begun(tmp_path: Path) -> None:
    run = replace(running(a_run(tmp_path)), turn_id=None)
    trail = open_trail(replace(run, state=RunState.QUEUED), tmp_path)
    trail.state(replace(run, state=RunState.STARTING))
    trail.state(run)
    started = {"threadId": run.thread_id, "turn": {"id": "turn-1"}}
    trail.event(parse_event("turn/started", started))
    trail.close()
    fate = await fate_of(Reader([]), run, CAUSE)
    assert (fate.state, fate.is_on_record, fate.turn_id) == (RunState.LOST, False, "turn-1")
    assert "its turn had begun, and Codex has no record of its prompt" in fate.reason


async def test_a_recorded_turn_without_an_end_can_be_continued() -> None:
    fate = await fate_of(Reader([turn("t", "do it")]), cut_off(), CAUSE)
    assert (fate.state, fate.is_on_record, fate.turn_id) == (RunState.LOST, True, "t")
    assert fate.reason == f"{CAUSE}; the run can be resumed"


async def test_a_recorded_turn_without_its_prompt_cannot_be_continued() -> None:
    recorded = {**turn("t", "do it"), "items": []}
    fate = await fate_of(Reader([recorded]), cut_off(turn_id="t"), CAUSE)
    assert (fate.state, fate.is_on_record) == (RunState.LOST, False)


async def test_a_recorded_ending_is_the_ending_of_the_run() -> None:
    recorded = turn("t", "do it", status="completed")
    assert (await fate_of(Reader([recorded]), cut_off(), CAUSE)).state is RunState.COMPLETED


async def test_a_run_that_is_continued_is_told_by_what_its_retry_was_given() -> None:
    first = turn("a", "do it")
    again = cut_off(retried=1)
    assert (await fate_of(Reader([first]), again, CAUSE)).is_on_record is False
    second = turn("b", CONTINUE_PROMPT)
    assert (await fate_of(Reader([first, second]), again, CAUSE)).turn_id == "b"


def test_what_an_earlier_attempt_has_left_in_the_file_is_no_evidence_of_a_later_one(
    tmp_path: Path,
) -> None:
    first = running(a_run(tmp_path))
    thread = first.thread_id
    trail = open_trail(replace(first, state=RunState.QUEUED), tmp_path)
    for number in (1, 2):
        trail.state(replace(first, state=RunState.STARTING, attempt=number))
        trail.state(replace(first, attempt=number))
        child = {"type": "subAgentActivity", "agentThreadId": f"child-{number}"}
        for method, more in (
            ("turn/started", {"turn": {"id": f"turn-{number}"}}),
            ("item/completed", {"turnId": f"turn-{number}", "item": child}),
            ("thread/status/changed", {}),
        ):
            trail.event(parse_event(method, {"threadId": thread, **more}))
        found = evidence_of(default_audit_dir(tmp_path), first.id, number, thread)
        assert found.turn_id == f"turn-{number}"
        assert found.threads == {thread, f"child-{number}"}
        trail.state(replace(first, state=RunState.LOST, attempt=number))
        trail.state(replace(first, state=RunState.QUEUED, attempt=number))
    assert evidence_of(default_audit_dir(tmp_path), first.id, 3, thread).turn_id is None
    trail.close()
