from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import Generator

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace import threads
from codexmcp.workspace.threads import WorkerThreads
from tests.support.processes import until
from tests.support.still_clock import StillClock

BOUND_S = 20.0


class Held:
    """Work that goes on once it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.most = 0
        self.release = threading.Event()
        self._lock = threading.Lock()

    def work(self) -> int:
        with self._lock:
            self.begun += 1
        assert self.release.wait(BOUND_S)
        return 7


async def test_it_gives_what_a_function_gives_and_raises_what_it_raises() -> None:
    some = WorkerThreads("tests", 2)
    assert await some.run(divmod, 7, 2) == (3, 1)
    assert await some.run(sorted, [1, 2], reverse=True) == [2, 1]
    with pytest.raises(ZeroDivisionError):
        await some.run(divmod, 7, 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(some.run(next, iter(())), BOUND_S)


class Large:
    """Stands for the content of a file."""


@pytest.fixture
def no_collector() -> Generator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_is_kept_of_work_that_is_done(*, fails: bool) -> None:
    some, large = WorkerThreads("tests", 1), Large()
    kept = [weakref.ref(large)]

    def work(_: Large) -> Large:
        if fails:
            raise ValueError("it fails")
        result = Large()
        kept.append(weakref.ref(result))
        return result

    with contextlib.suppress(ValueError):
        await some.run(work, large)
    del large
    await until(lambda: not any(each() for each in kept), "nothing is kept")


async def test_no_more_are_at_work_than_there_may_be_and_the_rest_comes_after() -> None:
    some, held = WorkerThreads("tests", 3), Held()
    calls = [asyncio.create_task(some.run(held.work)) for _ in range(20)]
    await until(lambda: held.begun == 3, "all threads are at work")
    assert await asyncio.to_thread(lambda: held.begun) == 3
    held.release.set()
    assert await asyncio.wait_for(asyncio.gather(*calls), BOUND_S) == [7] * 20


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    some, held = WorkerThreads("tests", 1), Held()
    first = asyncio.create_task(some.run(held.work))
    await until(lambda: held.begun == 1, "the only thread is at work")
    others = [asyncio.create_task(some.run(held.work)) for _ in range(5)]
    last = asyncio.create_task(some.run(threading.get_ident))
    await asyncio.sleep(0)
    for each in others:
        each.cancel()
    held.release.set()
    assert await first == 7
    assert await last
    assert held.begun == 1


async def test_a_context_that_nobody_waits_for_any_more_is_left_again() -> None:
    some, held = WorkerThreads("tests", 1), Held()
    left = asyncio.Event()

    @contextlib.contextmanager
    def entered() -> Generator[int]:
        try:
            yield held.work()
        finally:
            left.set()

    async def use() -> None:
        async with some.opened(entered()):
            pytest.fail("it was entered")

    using = asyncio.create_task(use())
    await until(lambda: held.begun == 1, "it is being entered")
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert not left.is_set()
    held.release.set()
    await asyncio.wait_for(left.wait(), BOUND_S)


async def test_a_context_hears_of_what_happens_in_it() -> None:
    heard: list[str] = []

    @contextlib.contextmanager
    def entered() -> Generator[int]:
        try:
            yield 1
        except ValueError as error:
            heard.append(str(error))
            raise

    with pytest.raises(ValueError, match="in it"):
        async with WorkerThreads("tests", 1).opened(entered()) as value:
            raise ValueError(f"in it {value}")
    assert heard == ["in it 1"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    clock = StillClock()
    monkeypatch.setattr(threads, "time", clock)
    return clock


async def test_who_comes_when_all_are_held_up_for_long_is_refused(clock: StillClock) -> None:
    some, held = WorkerThreads("tests", 2), Held()
    calls = [asyncio.create_task(some.run(held.work)) for _ in range(2)]
    await until(lambda: held.begun == 2, "all threads are at work")
    clock.now += threads.STALLED_S + 1
    with pytest.raises(WorkspaceError, match="2 calls for tests have waited"):
        await some.run(held.work)
    held.release.set()
    assert await asyncio.wait_for(asyncio.gather(*calls), BOUND_S) == [7] * 2
    assert await some.run(held.work) == 7


async def test_who_waits_while_all_are_held_up_is_refused_and_what_it_wanted_is_never_begun(
    clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "STALLED_S", 0.05)
    begun: list[int] = []

    def never(given: Large) -> None:
        begun.append(id(given))

    some, held, large = WorkerThreads("tests", 2), Held(), Large()
    kept = weakref.ref(large)
    calls = [asyncio.create_task(some.run(held.work)) for _ in range(2)]
    await until(lambda: held.begun == 2, "all threads are at work")
    waiting = asyncio.create_task(some.run(never, large))
    del large
    # By this clock none of them has been held up for long, however often it is looked at.
    assert not (await asyncio.wait({waiting}, timeout=0.2))[0]
    clock.now += 1
    with pytest.raises(WorkspaceError, match="2 calls for tests have waited"):
        await asyncio.wait_for(waiting, BOUND_S)
    del waiting
    gc.collect()
    assert kept() is None
    held.release.set()
    assert await asyncio.wait_for(asyncio.gather(*calls), BOUND_S) == [7] * 2
    assert await some.run(divmod, 7, 2) == (3, 1)
    assert not begun


async def test_who_waits_gets_its_turn_once_one_of_them_goes_on(
    clock: StillClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "STALLED_S", 0.05)
    some, stuck, slow, next_one = WorkerThreads("tests", 2), Held(), Held(), Held()
    calls = [asyncio.create_task(some.run(each.work)) for each in (stuck, slow)]
    await until(lambda: stuck.begun and slow.begun, "all threads are at work")
    waiting = asyncio.create_task(some.run(next_one.work))
    await asyncio.sleep(0)
    slow.release.set()
    await until(lambda: next_one.begun, "it has begun")
    clock.now += 1
    # That both are held up from here on is no matter to what has begun.
    with pytest.raises(WorkspaceError):
        await some.run(next_one.work)
    assert not (await asyncio.wait({waiting}, timeout=0.2))[0]
    next_one.release.set()
    assert await asyncio.wait_for(waiting, BOUND_S) == 7
    stuck.release.set()
    assert await asyncio.wait_for(asyncio.gather(*calls), BOUND_S) == [7] * 2
