"""Waits for a start of app-server, against an index that is played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from codexmcp.appserver import startup as module
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.startup import COLLISION_TRIES, TRIES, StartupWait
from codexmcp.errors import AppServerClosedError
from tests.support.index_claim import claim, complete, held_open, make_index, state_of
from tests.support.processes import BOUND_S

WAITING = "state db backfill is running at /home; waiting up to 30s"

Step = Callable[[StartupWait], Awaitable[str]]


class Start:
    """A start that goes through its steps, one per try."""

    def __init__(self, home: Path, *steps: Step) -> None:
        options = LaunchOptions(Path("/codex"), {"CODEX_HOME": str(home)})
        self.startup = StartupWait(options)
        self.count = 0
        self._steps = steps

    async def __call__(self) -> str:
        self.count += 1
        return await self._steps[min(self.count, len(self._steps)) - 1](self.startup)


async def comes_up(startup: StartupWait) -> str:
    async with startup.bound(BOUND_S):
        return "up"


async def waits(startup: StartupWait) -> str:
    startup.on_stderr(WAITING)
    async with startup.bound(BOUND_S):
        await asyncio.Event().wait()
    return "never"


async def gives_up_waiting(startup: StartupWait) -> str:
    startup.on_stderr(WAITING)
    raise AppServerClosedError("timed out waiting for state db backfill")


async def collides(startup: StartupWait) -> str:
    startup.on_stderr("Error: failed to initialize state runtime at /home")
    raise AppServerClosedError("no state runtime")


async def fails(_startup: StartupWait) -> str:
    raise AppServerClosedError("no such model")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    return make_index(tmp_path)


async def see_through(start: Start) -> str:
    async with asyncio.timeout(BOUND_S):
        return await start.startup.run(start)


async def test_a_start_that_just_works_is_made_once(index: Path) -> None:
    start = Start(index.parent, comes_up)
    assert await see_through(start) == "up"
    assert start.count == 1


async def test_a_start_that_fails_for_another_reason_is_not_repeated(index: Path) -> None:
    claim(index)
    start = Start(index.parent, fails)
    with pytest.raises(AppServerClosedError, match="no such model"):
        await see_through(start)
    assert start.count == 1
    assert state_of(index)[1] > 0


async def test_a_start_that_collides_on_a_new_home_is_repeated(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COLLISION_PAUSE_S", 0.001)
    start = Start(index.parent, collides, collides, comes_up)
    assert await see_through(start) == "up"
    assert start.count == 3
    start = Start(index.parent, collides)
    with pytest.raises(AppServerClosedError, match="no state runtime"):
        await see_through(start)
    assert start.count == COLLISION_TRIES


@pytest.mark.parametrize("held_up", [waits, gives_up_waiting])
async def test_a_claim_that_nobody_works_on_is_given_up_and_the_start_repeated(
    index: Path, held_up: Step, caplog: pytest.LogCaptureFixture
) -> None:
    claim(index)
    start = Start(index.parent, held_up, comes_up)
    assert await see_through(start) == "up"
    assert start.count == 2
    assert state_of(index) == ("running", 0)
    assert str(index) in caplog.text


async def test_a_start_that_waits_for_nobody_knows_what_is_not_repeated(tmp_path: Path) -> None:
    start = Start(tmp_path, gives_up_waiting)
    with pytest.raises(AppServerClosedError, match="timed out"):
        await see_through(start)
    assert start.count == 1


async def test_others_who_fill_the_index_are_waited_for(index: Path) -> None:
    claim(index)
    start = Start(index.parent, gives_up_waiting, comes_up)
    async with held_open(index):
        starting = asyncio.create_task(see_through(start))
        for count in range(1, 4):
            claim(index, renewed_at=count)
            await asyncio.sleep(0.05)
        assert not starting.done()
        assert start.count == 1
        complete(index)
        assert await starting == "up"
    assert start.count == 2


async def test_others_who_get_nowhere_end_the_wait_with_the_remedy(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    claim(index)
    start = Start(index.parent, gives_up_waiting)
    async with held_open(index):
        with pytest.raises(AppServerClosedError, match="made no progress") as caught:
            await see_through(start)
    assert str(index.parent) in str(caught.value)
    assert "end every Codex that uses this home" in str(caught.value)
    assert state_of(index)[1] > 0


async def test_a_codex_that_heeds_no_expiry_is_not_started_for_ever(index: Path) -> None:
    claim(index)
    start = Start(index.parent, waits)
    with pytest.raises(AppServerClosedError, match=f"{TRIES} starts"):
        await see_through(start)
    assert start.count == TRIES


async def test_the_bound_holds_where_nothing_is_indexed(index: Path) -> None:
    startup = Start(index.parent).startup
    with pytest.raises(TimeoutError):
        async with startup.bound(0.05):
            await asyncio.Event().wait()


async def test_the_bound_is_put_off_while_the_index_is_filled_and_holds_afterwards(
    index: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_TELL_S", 0.0)
    caplog.set_level(logging.WARNING)
    claim(index, done_to="sessions/2026/11/05/rollout-1.jsonl")
    startup = Start(index.parent).startup
    ended = asyncio.Event()
    bound_s = 1.0
    test_bound = asyncio.timeout(BOUND_S)

    async def wait() -> None:
        async with test_bound, startup.bound(bound_s):
            await asyncio.sleep(1.5 * bound_s)
            complete(index)
            ended.set()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()
    assert ended.is_set()
    assert not test_bound.expired()
    assert "sessions/2026/11/05" in caplog.text


async def test_indexing_that_gets_nowhere_is_cut_off(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    claim(index)
    startup = Start(index.parent).startup
    test_bound = asyncio.timeout(BOUND_S)
    with pytest.raises(TimeoutError):
        async with test_bound, startup.bound(2 * BOUND_S):
            await asyncio.Event().wait()
    assert not test_bound.expired()


async def test_a_cancelled_start_is_cancelled(index: Path) -> None:
    claim(index)
    start = Start(index.parent, waits)
    async with held_open(index):
        starting = asyncio.create_task(see_through(start))
        await asyncio.sleep(0.05)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
