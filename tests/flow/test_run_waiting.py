"""Waiting for runs of this process, which their engine works on in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codexmcp.runs.attempt import Attempt
from codexmcp.runs.embedded import Work
from codexmcp.runs.run import Run, RunRequest, Submission
from codexmcp.runs.states import RunState
from tests.support.memory_store import MemoryStore
from tests.support.processes import until
from tests.support.run_service import GROUP, InMemory

BOUND_S = 10.0


class CountingStore(MemoryStore):
    """Counts how often a run is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, run_id: str) -> Run | None:
        self.reads += 1
        return super().get(run_id)


class Works:
    """Works on runs until each is told to end."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._ends: dict[str, asyncio.Event] = {}

    def end(self, run_id: str) -> None:
        self._ends.setdefault(run_id, asyncio.Event()).set()

    async def execute(self, active: Attempt) -> None:
        run_id = active.run.id
        await self._ends.setdefault(run_id, asyncio.Event()).wait()
        self._store.change(run_id, RunState.RUNNING)
        active.run = self._store.change(run_id, RunState.COMPLETED)
        active.end()

    async def sweep(self) -> None:
        pass


class Office(InMemory):
    """A service whose runs end when told to."""

    def __init__(self, pointer_dir: Path) -> None:
        self.store = CountingStore()
        self.works = Works(self.store)
        super().__init__(self.store, Work(self.works.execute, self.works.sweep), pointer_dir)

    async def running(self, count: int) -> list[str]:
        """Have so many runs worked on, and return their ids."""
        ids = [f"20260101-000000-{number:08x}" for number in range(count)]
        for run_id in ids:
            request = RunRequest(prompt="p", cwd="/w", audit_dir="/w")
            await self.engine.submit(Submission(run_id, request, GROUP, created_at=1.0))
        await until(lambda: all(map(self.engine.active, ids)), "all runs are worked on")
        return ids


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    office = Office(tmp_path)
    async with office.serving():
        yield office


async def test_waiting_for_all_looks_at_each_run_a_few_times_however_many_there_are(
    office: Office,
) -> None:
    ids = await office.running(200)
    office.store.reads = 0
    waiting = asyncio.create_task(office.service.wait(ids, for_all=True, timeout_s=BOUND_S))
    for run_id in ids:
        # So that each ends by itself.
        await asyncio.sleep(0)
        office.works.end(run_id)
    ended = await waiting
    assert [run.id for run in ended] == ids
    assert {run.state for run in ended} == {RunState.COMPLETED}
    assert office.store.reads <= 3 * len(ids)


async def test_waiting_for_any_ends_with_the_first_one(office: Office) -> None:
    ids = await office.running(3)
    waiting = asyncio.create_task(office.service.wait(ids, for_all=False, timeout_s=BOUND_S))
    office.works.end(ids[1])
    states = [run.state for run in await waiting]
    assert states == [RunState.STARTING, RunState.COMPLETED, RunState.STARTING]


async def test_a_run_may_be_named_twice(office: Office) -> None:
    (run_id,) = await office.running(1)
    office.works.end(run_id)
    ended = await office.service.wait([run_id, run_id], for_all=True, timeout_s=BOUND_S)
    assert [run.id for run in ended] == [run_id, run_id]


async def test_a_wait_that_is_too_short_tells_the_progress_made_meanwhile(office: Office) -> None:
    first, second = await office.running(2)
    waiting = asyncio.create_task(office.service.wait([first, second], for_all=True, timeout_s=1.0))
    await asyncio.sleep(0)
    active = office.engine.active(second)
    assert active is not None
    active.progress = type(active.progress)(events=7)
    office.works.end(first)
    told = await waiting
    assert [run.state for run in told] == [RunState.COMPLETED, RunState.STARTING]
    assert told[1].progress.events == 7
    office.works.end(second)
