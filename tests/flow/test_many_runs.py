"""What the run tools queue and list, with many runs at once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import RunError
from codexmcp.http.toolbox import Toolbox
from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Policy
from codexmcp.runs import facade
from codexmcp.runs.approvals import Approvals
from codexmcp.runs.attempt import Attempt
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.requests import request_of
from codexmcp.runs.run import RunRequest
from codexmcp.runs.service import RunService, RunStorage
from codexmcp.runs.start_options import StartOptions
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits, Owner, Selection
from codexmcp.server.run_tools import definitions as names
from codexmcp.server.run_tools.tools import RunTools
from tests.support.memory_store import MemoryStore
from tests.support.run_service import in_a_thread
from tests.support.run_stores import claim, submission

WORKED_ON = 3


class Idle:
    """Works on nothing."""

    async def execute(self, _active: Attempt) -> None:
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


def run_tools(store: MemoryStore, tmp_path: Path, policy: Policy | None = None) -> RunTools:
    """Return the run tools for a client, over an engine that works on nothing."""
    idle = Idle()
    kept = in_a_thread(store)
    engine = EmbeddedEngine(
        kept, Owner("o", 1, "", "g"), Limits(1, 1), Work(idle.execute, idle.sweep)
    )
    keeping = RunStorage(kept, tmp_path, "g", Redactor(()))
    service = RunService(keeping, engine, Approvals(lambda _run_id: None))
    caller = Caller(tmp_path, Path("/w"), policy or Policy())
    return RunTools(service, caller, _check)


async def listed(store: MemoryStore, tmp_path: Path, policy: Policy | None = None) -> Any:
    """Return what `codex_active_runs` answers."""
    tools = run_tools(store, tmp_path, policy)
    answer = await tools.call(names.ACTIVE_RUNS, {}, lambda _text: None)
    return answer.fields


async def test_runs_are_queued_in_the_order_in_which_they_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "ORDER_WAIT_S", 60.0)
    store = MemoryStore()
    tools = run_tools(store, tmp_path)
    many = {f"property{number}": {"type": "string"} for number in range(2000)}
    slow = {
        "type": "object",
        "properties": many,
        "required": list(many),
        "additionalProperties": False,
    }
    asked: list[dict[str, Any]] = [
        {"prompt": "slow", "output_schema": slow},
        {"prompt": "quick"},
        {"prompt": "last"},
    ]
    calls = [
        tools.call(names.RUN, given | {"cwd": str(tmp_path)}, lambda _text: None) for given in asked
    ]
    await asyncio.gather(*calls)
    newest_first = [run.request.prompt for run in store.select(Selection(limit=10))]
    assert newest_first == ["last", "quick", "slow"]


async def test_a_start_whose_folder_hangs_does_not_hold_up_the_next_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, goes_on = MemoryStore(), threading.Event()

    def slow(options: StartOptions, *context: Any, **more: Any) -> RunRequest:
        if options.prompt == "hangs":
            goes_on.wait(30.0)
        return request_of(options, *context, **more)

    monkeypatch.setattr(facade, "request_of", slow)
    monkeypatch.setattr(facade, "ORDER_WAIT_S", 0.05)
    tools = run_tools(store, tmp_path)

    async def start(prompt: str) -> None:
        given = {"prompt": prompt, "cwd": str(tmp_path)}
        await tools.call(names.RUN, given, lambda _text: None)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(start("hangs"))
        await start("quick")
        goes_on.set()
    newest_first = [run.request.prompt for run in store.select(Selection(limit=10))]
    assert newest_first == ["hangs", "quick"]


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


@pytest.mark.parametrize(
    ("tool", "given", "remedy"),
    [
        (names.WAIT, {"run_id": "missing"}, "codex_runs lists the known runs"),
        (names.RESULT, {"run_id": "active0"}, "call codex_wait"),
        (names.STEER, {"run_id": "active0", "prompt": "p"}, "codex_resume"),
        (names.INTERRUPT, {"run_id": "active0"}, "use a client of the server of the run"),
        (names.RESUME, {"run_id": "missing", "prompt": "p"}, "codexmcp runs reindex"),
    ],
)
async def test_refusals_come_with_the_remedy_of_the_tools_on_stdio_and_over_http(
    store: MemoryStore, tmp_path: Path, tool: str, given: dict[str, Any], remedy: str
) -> None:
    tools = run_tools(store, tmp_path)
    for front in (tools, Toolbox([], tools)):
        with pytest.raises(RunError, match=remedy):
            await front.call(tool, given, lambda _text: None)
