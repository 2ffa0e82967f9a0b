"""What the run tools list when far more runs wait than one answer holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.runs.active import ActiveRun
from codexmcp.runs.approvals import Approvals
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.memory_store import MemoryStore
from codexmcp.runs.service import Keeping, RunService
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits, Owner
from codexmcp.server.policy import Policy
from codexmcp.server.run_tools import definitions as names
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import RunTools
from tests.support.run_stores import claim, submission

WORKED_ON = 3


class Idle:
    """Works on nothing."""

    async def execute(self, _active: ActiveRun) -> None:
        raise AssertionError

    async def sweep(self) -> None:
        pass


async def _check() -> dict[str, Any]:
    return {}


@pytest.fixture
def store() -> MemoryStore:
    """A store in which runs in `/w` are worked on, and may be followed by others that wait."""
    store = MemoryStore()
    for number in range(WORKED_ON):
        store.add(submission(f"active{number}"))
        claim(store)
        store.change(f"active{number}", RunState.RUNNING)
    return store


async def listed(store: MemoryStore, tmp_path: Path, policy: Policy | None = None) -> Any:
    """Return what `codex_active_runs` answers."""
    idle = Idle()
    engine = EmbeddedEngine(
        store, Owner("o", 1, "", "g"), Limits(1, 1), Work(idle.execute, idle.sweep)
    )
    keeping = Keeping(store, tmp_path, "g", Redactor(()))
    service = RunService(keeping, engine, Approvals(lambda _run_id: None))
    caller = Caller(tmp_path, Path("/w"), policy or Policy())
    answer = await RunTools(service, caller, _check).call(names.ACTIVE_RUNS, {}, lambda _text: None)
    return answer.fields


async def test_runs_under_way_are_listed_before_those_that_wait(
    store: MemoryStore, tmp_path: Path
) -> None:
    for number in range(2 * names.MAX_LIMIT):
        store.add(submission(f"waits{number}"))
    told = await listed(store, tmp_path)
    ids = [run["runId"] for run in told["runs"]]
    assert ids[:WORKED_ON] == ["active2", "active1", "active0"]
    assert ids[WORKED_ON] == "waits199"
    assert (len(ids), told["more"]) == (names.MAX_LIMIT, True)


async def test_runs_that_others_queued_hide_none_of_ones_own(
    store: MemoryStore, tmp_path: Path
) -> None:
    store.add(submission("mine", cwd="/mine"))
    for number in range(2 * names.MAX_LIMIT):
        store.add(submission(f"theirs{number}", cwd="/theirs"))
    told = await listed(store, tmp_path, Policy(cwd="/mine"))
    assert [run["runId"] for run in told["runs"]] == ["mine"]
    assert "more" not in told
