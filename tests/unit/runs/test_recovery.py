from __future__ import annotations

from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.errors import AppServerClosedError
from codexmcp.runs.groups import group_id
from codexmcp.runs.memory_store import MemoryStore
from codexmcp.runs.recovery import MAX_TRIES, Recovery
from codexmcp.runs.run import Run, RunRequest, Submission
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Limits, Owner


class NoCodex:
    """A Codex that cannot be started."""

    generation = 0
    trouble = ""

    async def get(self) -> AppServer:
        raise AppServerClosedError("there is none")

    async def end_if_stuck(self) -> None:
        pass

    async def effective_config(self) -> dict[str, Any]:
        return {}


def store_with_run_of(owner: str) -> MemoryStore:
    store = MemoryStore()
    store.add_owner(Owner(owner, 1, "", "group"))
    store.add(Submission("run", RunRequest("hello", "/work", "/work/runs"), "group", 1.0))
    store.claim(owner, "group", Limits(), 2.0)
    store.change("run", RunState.RUNNING, Change(thread_id="thread"))
    return store


async def swept(store: MemoryStore, own: str, locks: Path, times: int = 1) -> Run:
    recovery = Recovery(store, Owner(own, 2, "", "group"), locks, NoCodex(), lambda _run: None)
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
    recovery = Recovery(store, elsewhere, tmp_path, NoCodex(), lambda _run: None)
    for _ in range(MAX_TRIES):
        await recovery.sweep()
    assert [run.state for run in store.owned("other")] == [RunState.RUNNING]


async def test_a_codex_that_cannot_tell_now_is_asked_again(tmp_path: Path) -> None:
    run = await swept(store_with_run_of("other"), "me", tmp_path, MAX_TRIES - 1)
    assert run.state is RunState.RUNNING


async def test_our_own_runs_are_ours_although_our_lock_file_was_deleted(tmp_path: Path) -> None:
    run = await swept(store_with_run_of("me"), "me", tmp_path)
    assert run.state is RunState.RUNNING
