"""The embedded engine and the use cases on it, in memory."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.runs import embedded
from codexmcp.runs.attempt import Attempt
from codexmcp.runs.embedded import Work
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.start_options import Order
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits
from tests.support.memory_store import MemoryStore
from tests.support.processes import until
from tests.support.run_service import InMemory

BOUND_S = 5.0


class EagerStore(MemoryStore):
    """Lets whoever waits for a claim act before anything that the claim leads to."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.claimed: asyncio.Future[Run] = self._loop.create_future()

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        run = super().claim(owner, group, limits, now)
        if run is not None:
            self._loop.call_soon_threadsafe(self.claimed.set_result, run)
        return run


class Office(InMemory):
    """A service whose runs go on until they are stopped."""

    def __init__(self, folder: Path) -> None:
        self.store = EagerStore()
        self.sweeps = 0
        self.gives_back = asyncio.Event()
        self.gives_back.set()
        self.request = RunRequest(prompt="p", cwd=str(folder), audit_dir=str(folder / "runs"))
        super().__init__(self.store, Work(self._execute, self._sweep), folder)

    async def _execute(self, active: Attempt) -> None:
        endless = asyncio.ensure_future(asyncio.Event().wait())
        active.works_in(endless)
        await asyncio.wait({endless})
        active.run = self.store.change(active.run.id, RunState.INTERRUPTED)
        active.end()
        await self.gives_back.wait()

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
        run = await office.service.submit(office.request, Order())
        await until(lambda: caplog.messages, "a warning")
        assert "Too many open files" in caplog.text
        assert (await office.service.interrupt(run.id, by="a test")).state is RunState.INTERRUPTED


async def test_a_run_can_be_interrupted_from_the_moment_it_is_claimed(office: Office) -> None:
    starting = asyncio.create_task(office.service.submit(office.request, Order()))
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
        first = await office.service.submit(office.request, order)
        again = await office.service.submit(replace(office.request, timeout_s=9.0), order)
    assert again.id == first.id
    assert [path.stem for path in (tmp_path / "runs").glob("2*.jsonl")] == [first.id]


async def test_a_thread_that_is_not_given_back_holds_up_no_end(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "GIVE_BACK_S", 0.05)
    office.gives_back.clear()
    async with asyncio.timeout(BOUND_S):
        run = await office.service.submit(office.request, Order())
        await office.service.interrupt(run.id, by="a test")
        await office.engine.drain(None)
        assert (await office.engine.stats()).active == 0


async def test_a_drain_lets_threads_be_given_back(office: Office) -> None:
    office.gives_back.clear()
    async with asyncio.timeout(BOUND_S):
        run = await office.service.submit(office.request, Order())
        await office.service.interrupt(run.id, by="a test")
        draining = asyncio.create_task(office.engine.drain(None))
        await asyncio.wait({draining}, timeout=0.05)
        assert not draining.done()
        office.gives_back.set()
        await draining
