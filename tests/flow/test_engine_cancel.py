"""An interrupt that meets a run on its way back into the queue."""

from __future__ import annotations

import asyncio
from pathlib import Path

from codexmcp.runs.attempt import Attempt
from codexmcp.runs.embedded import Work
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change
from tests.support.memory_store import MemoryStore
from tests.support.run_service import GROUP, InMemory
from tests.support.run_stores import submission


async def test_a_run_that_was_given_back_to_the_queue_just_before_is_withdrawn(
    tmp_path: Path,
) -> None:
    store, given_back, may_end = MemoryStore(), asyncio.Event(), asyncio.Event()

    async def execute(attempt: Attempt) -> None:
        to, change = RunState.QUEUED, Change(reason="again: lost", is_retry=True)
        if attempt.run.attempt > 1:
            # The engine was faster than the interrupt, which stops the next attempt, too.
            while attempt.stopped_by is None:  # noqa: ASYNC110 - stopping sets no event
                await asyncio.sleep(0.01)
            to, change = RunState.INTERRUPTED, Change(reason=attempt.stopped_by)
        attempt.run = store.change(attempt.run.id, to, change, by=attempt.run.claim)
        given_back.set()
        await may_end.wait()

    async def sweep() -> None:
        pass

    memory = InMemory(store, Work(execute, sweep), tmp_path)
    store.add(submission("r", group=GROUP, delay_s=0.0))
    async with asyncio.timeout(10), memory.serving():
        await given_back.wait()
        interrupting = asyncio.create_task(memory.engine.cancel("r", "interrupted by a test"))
        await asyncio.sleep(0)
        may_end.set()
        run, _ = await interrupting
    assert (run.state, run.reason) == (RunState.INTERRUPTED, "interrupted by a test")
    assert store.get("r") == run
