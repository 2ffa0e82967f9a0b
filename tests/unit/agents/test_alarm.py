from __future__ import annotations

import asyncio

import pytest

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.display import JsonDisplay
from codexmcp.agents.follower import NETWORK_WAITS, Follower
from codexmcp.agents.progress import AgentProgress, ProgressKind
from codexmcp.agents.record import AgentRecord
from codexmcp.errors import WorkError

WAITS = AgentProgress(ProgressKind.WARNING, "Reconnecting... waiting for network: refused")


async def forever() -> None:
    await asyncio.Event().wait()


async def test_an_alarm_ends_its_block_with_the_first_error() -> None:
    async def work() -> None:
        async with asyncio.timeout(5), Alarm() as alarm:
            alarm.ring(WorkError("first"))
            alarm.ring(WorkError("second"))
            await forever()

    with pytest.raises(WorkError, match="first"):
        await work()


async def test_outside_its_block_an_alarm_does_nothing() -> None:
    async with Alarm() as alarm:
        pass
    alarm.ring(WorkError("late"))
    await asyncio.sleep(0)


async def test_a_bound_on_time_goes_before_an_alarm() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), Alarm():
            await forever()


async def test_another_cancellation_goes_on_its_way() -> None:
    alarm = Alarm()

    async def work() -> None:
        async with alarm:
            await forever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    alarm.ring(WorkError("at the same time"))
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()


async def test_a_codex_that_cannot_connect_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        async with asyncio.timeout(5), Alarm() as alarm:
            follower = Follower(AgentRecord(), JsonDisplay(Cleaner()), alarm)
            for _ in range(NETWORK_WAITS - 1):
                follower.step(WAITS)
            follower.step(AgentProgress(ProgressKind.MESSAGE, "connected again"))
            for _ in range(NETWORK_WAITS - 1):
                follower.step(WAITS)
            await asyncio.sleep(0)
            follower.step(WAITS)
            await forever()

    with pytest.raises(WorkError, match="cannot reach its model: Reconnecting"):
        await work()
    assert len(capsys.readouterr().out.splitlines()) == 2 * NETWORK_WAITS
