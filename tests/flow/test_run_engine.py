"""The embedded engine and the use cases on it, in memory."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.runs.active import ActiveRun
from codexmcp.runs.embedded import Work
from codexmcp.runs.memory_store import MemoryStore
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.service import Order
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits
from tests.support.processes import until
from tests.support.run_service import InMemory

BOUND_S = 5.0


class EagerStore(MemoryStore):
    """Lets whoever waits for a claim act before anything that the claim leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        run = super().claim(owner, group, limits, now)
        if run is not None:
            self.claimed.set_result(run)
        return run


class Office(InMemory):
    """A service whose runs go on until they are stopped."""

    def __init__(self, folder: Path) -> None:
        self.store = EagerStore()
        self.sweeps = 0
        self.request = RunRequest(prompt="p", cwd=str(folder), audit_dir=str(folder / "runs"))
        super().__init__(self.store, Work(self._execute, self._sweep), folder)

    async def _execute(self, active: ActiveRun) -> None:
        endless = asyncio.ensure_future(asyncio.Event().wait())
        active.works_in(endless)
        await asyncio.wait({endless})
        active.run = self.store.change(active.run.id, RunState.INTERRUPTED)
        active.end()

    async def _sweep(self) -> None:
        self.sweeps += 1
        if self.sweeps == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    office = Office(tmp_path)
    async with office.serving():
        yield office


async def test_a_system_that_refuses_something_once_ends_no_work(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(BOUND_S):
        run = await office.service.start(office.request, Order())
        await until(lambda: caplog.messages, "a warning")
        assert "Too many open files" in caplog.text
        assert (await office.service.interrupt(run.id, by="a test")).state is RunState.INTERRUPTED


async def test_a_run_can_be_interrupted_from_the_moment_it_is_claimed(office: Office) -> None:
    starting = asyncio.create_task(office.service.start(office.request, Order()))
    async with asyncio.timeout(BOUND_S):
        run = await office.store.claimed
        ended = await office.service.interrupt(run.id, by="a test")
        await starting
    assert ended.state is RunState.INTERRUPTED


async def test_a_repeated_call_gets_its_run_and_leaves_no_files_of_its_own(
    office: Office, tmp_path: Path
) -> None:
    order = Order(idempotency_key="once")
    async with asyncio.timeout(BOUND_S):
        first = await office.service.start(office.request, order)
        again = await office.service.start(replace(office.request, timeout_s=9.0), order)
    assert again.id == first.id
    assert [path.stem for path in (tmp_path / "runs").glob("2*.jsonl")] == [first.id]
