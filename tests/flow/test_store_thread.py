"""A store that hangs: the event loop goes on, and no step is lost or taken out of order."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from codexmcp.runs import store_thread
from codexmcp.runs.embedded import Work
from codexmcp.runs.run import Run, RunRequest, Submission
from codexmcp.runs.start_options import Order
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits
from tests.support.memory_store import MemoryStore
from tests.support.run_service import InMemory
from tests.support.run_stores import submission

BOUND_S = 10.0


class HangingStore(MemoryStore):
    """Hangs while it adds a run, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def add(self, submission: Submission) -> tuple[Run, bool]:
        self.hangs.set()
        assert self.goes_on.wait(BOUND_S)
        return super().add(submission)


async def hung(store: HangingStore) -> None:
    """Wait until the store hangs; the event loop works meanwhile."""
    async with asyncio.timeout(BOUND_S):
        while not store.hangs.is_set():  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0)


async def test_a_store_that_hangs_does_not_stop_the_event_loop() -> None:
    blocking = HangingStore()
    async with store_thread.opened(lambda: blocking) as store:
        adding = asyncio.create_task(store.add(submission("a")))
        await hung(blocking)
        assert not adding.done()
        claiming = asyncio.create_task(store.claim("o", "g", Limits(), 200.0))
        blocking.goes_on.set()
        run, is_new = await adding
        claimed = await claiming
    assert is_new
    # In the order of the calls: the claim came after the run.
    assert claimed is not None
    assert claimed.id == run.id


async def test_a_submission_whose_caller_left_is_recorded_with_its_files(tmp_path: Path) -> None:
    async def nothing(*_: object) -> None: ...

    blocking = HangingStore()
    office = InMemory(blocking, Work(nothing, nothing), tmp_path)
    request = RunRequest("p", str(tmp_path), str(tmp_path / "runs"))
    submission = asyncio.create_task(office.service.submit(request, Order()))
    await hung(blocking)
    submission.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submission
    blocking.goes_on.set()
    async with asyncio.timeout(BOUND_S):
        while not (await office.engine.stats()).counts:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0)
    assert (await office.engine.stats()).counts == {RunState.QUEUED: 1}
    assert len(list((tmp_path / "runs").glob("2*.jsonl"))) == 1
