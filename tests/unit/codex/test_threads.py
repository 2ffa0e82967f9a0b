from __future__ import annotations

import asyncio

import pytest

from codexmcp.codex.threads import Threads
from codexmcp.errors import RequestError

BOUND_S = 10.0


class FakeAppServer:
    """Unloads threads, when `let_go` allows it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.unloaded: list[str] = []
        self.let_go = asyncio.Event()
        self.let_go.set()
        self._fails = fails

    async def leave(self, thread_id: str) -> None:
        self.unloaded.append(thread_id)
        await self.let_go.wait()
        if self._fails:
            raise RequestError("thread/archive", -32600, "no")


async def load(threads: Threads, *ids: str, generation: int = 1) -> None:
    for thread_id in ids:
        async with threads.turn_of(thread_id) as thread:
            thread.loaded_in = generation


async def unload(threads: Threads, server: FakeAppServer) -> list[str]:
    await threads.unload_surplus(server.leave, 1)
    return server.unloaded


async def loaded(threads: Threads, thread_id: str) -> bool:
    async with threads.turn_of(thread_id) as thread:
        return thread.loaded_in == 1


async def test_turns_of_one_thread_follow_each_other() -> None:
    threads = Threads()
    order: list[str] = []
    go_on = asyncio.Event()

    async def turn(name: str) -> None:
        async with threads.turn_of("t"):
            order.append(f"{name} begins")
            await go_on.wait()
            order.append(f"{name} ends")

    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            tasks.create_task(turn(name))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == ["a begins"]
        go_on.set()
    assert order == ["a begins", "a ends", "b begins", "b ends"]


async def test_turns_of_two_threads_run_beside_each_other() -> None:
    threads = Threads()
    async with asyncio.timeout(BOUND_S), threads.turn_of("a"), threads.turn_of("b"):
        pass


async def test_threads_within_the_bound_stay_loaded() -> None:
    threads = Threads(max_loaded=2)
    await load(threads, "a", "b")
    assert await unload(threads, FakeAppServer()) == []


async def test_those_that_have_rested_longest_are_unloaded() -> None:
    threads = Threads(max_loaded=2)
    await load(threads, "a", "b", "c", "a", "d")
    assert await unload(threads, FakeAppServer()) == ["b", "c"]
    assert not await loaded(threads, "b")
    assert await loaded(threads, "a")


async def test_a_thread_at_work_is_not_unloaded() -> None:
    threads = Threads(max_loaded=0)
    await load(threads, "a", "b")
    async with threads.turn_of("a"):
        assert await unload(threads, FakeAppServer()) == ["b"]


async def test_threads_of_a_dead_app_server_do_not_count() -> None:
    threads = Threads(max_loaded=1)
    await load(threads, "a", "b", generation=0)
    await load(threads, "c")
    assert await unload(threads, FakeAppServer()) == []


async def test_a_thread_that_cannot_be_unloaded_is_resumed_at_its_next_turn() -> None:
    threads = Threads(max_loaded=0)
    await load(threads, "a")
    await unload(threads, FakeAppServer(fails=True))
    assert not await loaded(threads, "a")


async def test_a_reply_during_the_unloading_waits_for_its_end() -> None:
    threads = Threads(max_loaded=0)
    server = FakeAppServer()
    await load(threads, "a")
    server.let_go.clear()
    async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(unload(threads, server))
        await asyncio.sleep(0)
        reply = tasks.create_task(loaded(threads, "a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not reply.done()
        server.let_go.set()
    assert reply.result() is False


async def test_an_interrupted_turn_lets_the_next_one_begin() -> None:
    threads = Threads()
    with pytest.raises(ValueError, match="broken"):
        async with threads.turn_of("a"):
            raise ValueError("broken")
    async with asyncio.timeout(BOUND_S), threads.turn_of("a"):
        pass


async def test_only_the_threads_of_the_app_server_in_question_count_as_loaded() -> None:
    threads = Threads()
    await load(threads, "a", "b", generation=1)
    await load(threads, "c", generation=2)
    assert [threads.loaded(generation) for generation in (1, 2, 3)] == [2, 1, 0]
