"""The desk: who gets a thread, what is answered, and what goes on after a turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import TurnStatus
from codexmcp.appserver.refusals import DrainingError
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.codex import background
from codexmcp.codex.admission import STARTS_AT_ONCE
from codexmcp.codex.desk import Desk, Seat, ThreadBusyError, ThreadRequest
from codexmcp.codex.threads import KnownThread, Threads
from codexmcp.codex.turns import SubAgentHandling, Turn, TurnLimits
from codexmcp.errors import DeadlineError, RequestError
from codexmcp.jsonrpc.connection import NoAnswer
from codexmcp.jsonrpc.messages import Request
from tests.support.fake_app_server import BOUND_S, Answer, FakeAppServer, Refuse
from tests.support.processes import until
from tests.support.turns import SHORT_S, completed

pytestmark = pytest.mark.timeout(20)

ROOT, CHILD, TURN = "root", "child", "turn-1"
QUESTION = "item/commandExecution/requestApproval"


class ScriptedCodex(FakeAppServer):
    """An app-server with threads that rest, whose turns end when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "notLoaded"
        self.answers |= {
            "thread/start": {"thread": {"id": ROOT}},
            "thread/resume": self._resume,
            "thread/read": lambda _: {"thread": {"status": {"type": self.status}}},
            "thread/goal/clear": {"cleared": False},
            "thread/unsubscribe": self._unsubscribe,
            "turn/start": self._start,
            "turn/interrupt": self._interrupt,
        }

    def begins(self, thread_id: str, turn_id: str) -> None:
        self.emit("turn/started", threadId=thread_id, turn={"id": turn_id})

    def ends(self, thread_id: str = ROOT, turn_id: str = TURN, status: str = "completed") -> None:
        self.emit("turn/completed", **{**completed(status, turn_id), "threadId": thread_id})

    def spawns(self) -> None:
        item = {"type": "subAgentActivity", "agentThreadId": CHILD, "kind": "started"}
        self.emit("item/started", threadId=ROOT, turnId=TURN, item={**item, "agentPath": "/root/c"})
        self.begins(CHILD, "turn-of-child")

    def asked(self, method: str) -> list[str]:
        """Return the threads for which a method was called."""
        return [given["threadId"] for name, given in self.calls if name == method]

    def _resume(self, _params: Mapping[str, Any]) -> Answer:
        self.status = "idle"
        return {"thread": {"id": ROOT}}

    def _unsubscribe(self, _params: Mapping[str, Any]) -> Answer:
        self.status = "notLoaded"
        return {"status": "notLoaded"}

    def _start(self, params: Mapping[str, Any]) -> Answer:
        self.begins(params["threadId"], TURN)
        return {"turn": {"id": TURN}}

    def _interrupt(self, params: Mapping[str, Any]) -> Answer:
        self.ends(params["threadId"], params["turnId"], "interrupted")
        return {}


class Source:
    """Gives one app-server after the other: the next one when the last was closed."""

    def __init__(self, stack: AsyncExitStack, *fakes: ScriptedCodex) -> None:
        self._stack = stack
        self._fakes = list(fakes)
        self._server: AppServer | None = None
        self.generation = 0
        self.failure_cause = ""
        self.ended: list[str] = []

    def check_access(self, task: Mapping[str, Any]) -> None:
        """Take any task."""

    async def get(self) -> AppServer:
        if self._server is None or self._server.closed.is_set():
            fake = self._fakes.pop(0)
            self._server = await self._stack.enter_async_context(fake.attached())
            self.generation += 1
        return self._server

    def end(self, server: AppServer, reason: str) -> None:
        self.ended.append(reason)
        server.abort(reason)

    async def effective_config(self) -> Mapping[str, Any]:
        return {}


class Office:
    """A desk with the app-servers behind it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.codex, self.next = ScriptedCodex(), ScriptedCodex()
        self.source = Source(stack, self.codex, self.next)
        self.threads = Threads()
        self.desk = Desk(self.source, self.threads)
        self.loads: list[int] = []

    def opening(self, thread_id: str | None = ROOT, terms: object = "mine") -> ThreadRequest:
        async def load(server: AppServer, _known: KnownThread | None) -> str:
            self.loads.append(self.source.generation)
            if thread_id is None:
                return (await server.start_thread(ThreadOptions())).id
            await server.load_thread(thread_id, ThreadOptions())
            return thread_id

        return ThreadRequest(load, thread_id, terms)

    async def turned(self, seat: Seat, *, idle_s: float | None = None) -> None:
        """Run a turn during which a sub-agent is spawned that works on."""
        turn = Turn([text_input("go")], limits=TurnLimits(idle_s=idle_s))
        running = asyncio.create_task(seat.turn(turn, decline, owner=self))
        await self.codex.wait_for_call("turn/start")
        self.codex.spawns()
        self.codex.ends()
        await running

    async def child_is_stopped(self) -> None:
        await self.codex.wait_for_call("turn/interrupt")
        assert self.codex.asked("turn/interrupt") == [CHILD]


async def decline(_request: Request, _agent: str) -> object:
    return "no"


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with asyncio.timeout(BOUND_S), AsyncExitStack() as stack:
        office = Office(stack)
        await stack.enter_async_context(office.desk)
        yield office


async def test_a_thread_stays_loaded_for_the_same_terms(office: Office) -> None:
    for _ in range(2):
        async with office.desk.seat(office.opening()):
            pass
    assert office.loads == [1]


async def test_a_thread_that_was_loaded_under_other_terms_is_unloaded_first(office: Office) -> None:
    async with office.desk.seat(office.opening(terms="others'")):
        pass
    async with office.desk.seat(office.opening()):
        assert office.codex.asked("thread/unsubscribe") == [ROOT]
    assert office.loads == [1, 1]


async def test_a_thread_that_somebody_works_on_is_not_taken_from_them(office: Office) -> None:
    async with office.desk.seat(office.opening(terms="others'")):
        pass
    office.codex.status = "active"
    with pytest.raises(ThreadBusyError, match="is in use"):
        async with office.desk.seat(office.opening()):
            pass


async def test_work_waits_for_the_next_codex_when_this_one_is_ending(office: Office) -> None:
    office.codex.answers["thread/start"] = Refuse("Server is draining; retry after reconnecting")

    async def seated() -> int:
        async with office.desk.seat(office.opening(None)):
            return office.source.generation

    waiting = asyncio.create_task(seated())
    await office.codex.wait_for_call("thread/start")
    await (await office.source.get()).call("sync", {})
    assert not waiting.done()
    office.codex.die("it has drained")
    assert await waiting == 2


async def test_a_turn_that_an_ending_codex_refuses_is_handed_to_the_next(office: Office) -> None:
    office.codex.answers["turn/start"] = Refuse("Server is draining; retry after reconnecting")
    turn = Turn([text_input("go")])

    async def refused() -> None:
        async with office.desk.seat(office.opening()) as seat:
            await seat.turn(turn, decline)

    waiting = asyncio.create_task(refused())
    await office.codex.wait_for_call("turn/start")
    await (await office.source.get()).call("sync", {})
    assert not waiting.done()
    office.codex.die("it has drained")
    with pytest.raises(DrainingError):
        await waiting
    async with office.desk.seat(office.opening()) as seat:
        running = asyncio.create_task(seat.turn(turn, decline))
        await office.next.wait_for_call("turn/start")
        office.next.ends()
        assert (await running).status is TurnStatus.COMPLETED


async def test_a_goal_is_taken_from_a_thread_and_told(office: Office) -> None:
    office.codex.answers["thread/goal/clear"] = {"cleared": True}
    async with office.desk.seat(office.opening()) as seat:
        turn = Turn([text_input("go")])
        running = asyncio.create_task(seat.turn(turn, decline))
        await office.codex.wait_for_call("turn/start")
        office.codex.ends()
        (note,) = seat.notes(await running)
    assert "a goal on this thread was cleared" in note


async def test_a_question_of_a_sub_agent_is_answered_by_the_seat_of_its_root(
    office: Office,
) -> None:
    told: list[tuple[str, str]] = []

    async def answer(request: Request, agent: str) -> object:
        told.append((str(request.params["threadId"]), agent))
        return "yes"

    async with office.desk.seat(office.opening()) as seat:
        running = asyncio.create_task(seat.turn(Turn([text_input("go")]), answer))
        await office.codex.wait_for_call("turn/start")
        office.codex.spawns()
        await seat.server.call("sync", {})
        assert await office.desk.answer(Request(1, QUESTION, {"threadId": CHILD})) == "yes"
        office.codex.ends()
        await running
    assert told == [(CHILD, "/root/c")]


async def test_a_question_of_nobodys_thread_is_left_to_others_or_declined(office: Office) -> None:
    stranger = Request(1, QUESTION, {"threadId": "stranger"})
    assert await office.desk.answer(stranger) == {"decision": "decline"}
    shared = Desk(office.source, office.threads, is_alone=False)
    with pytest.raises(NoAnswer):
        await shared.answer(stranger)
    with pytest.raises(RequestError, match="does not answer this"):
        await office.desk.answer(Request(2, "currentTime/read", {}))


async def test_what_a_call_has_left_at_work_lives_on_until_it_is_silent(office: Office) -> None:
    async with office.desk.seat(office.opening()) as seat:
        await office.turned(seat, idle_s=0.3)
        assert office.codex.asked("turn/interrupt") == []
        question = Request(1, QUESTION, {"threadId": CHILD})
        assert await office.desk.answer(question) == {"decision": "decline"}
    await office.child_is_stopped()


async def test_what_a_client_has_left_at_work_ends_with_it(office: Office) -> None:
    async with office.desk.seat(office.opening()) as seat:
        await office.turned(seat)
    await office.desk.leave("somebody else")
    assert office.codex.asked("turn/interrupt") == []
    await office.desk.leave(office)
    await office.child_is_stopped()


async def test_a_reply_takes_over_what_its_conversation_has_left_at_work(office: Office) -> None:
    async with office.desk.seat(office.opening()) as seat:
        await office.turned(seat, idle_s=SHORT_S)
        async with asyncio.timeout(BOUND_S):
            await office.desk.background.release(ROOT)
    assert not office.desk.background.has(CHILD)


async def test_an_agent_that_appears_after_a_stop_is_stopped_too(office: Office) -> None:
    async with office.desk.seat(office.opening()) as seat:
        turn = Turn([text_input("go")], limits=TurnLimits(timeout_s=SHORT_S))
        with pytest.raises(DeadlineError):
            await seat.turn(turn, decline)
    assert office.codex.asked("turn/interrupt") == [ROOT]
    office.codex.spawns()
    await office.codex.wait_for_call("turn/interrupt", 2)
    assert office.codex.asked("turn/interrupt") == [ROOT, CHILD]


async def test_a_stopped_tree_is_watched_for_a_while_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "GUARD_S", SHORT_S)
    async with office.desk.seat(office.opening()) as seat:
        turn = Turn([text_input("go")], on_children=SubAgentHandling.STOP)
        running = asyncio.create_task(seat.turn(turn, decline))
        await office.codex.wait_for_call("turn/start")
        office.codex.ends()
        await running
    await until(lambda: not office.desk.background.has(ROOT), "nobody watches it")


async def test_a_thread_that_is_given_back_is_unloaded_unless_somebody_looks_at_it(
    office: Office,
) -> None:
    async with office.desk.attached(office.opening()):
        async with office.desk.seat(office.opening()) as seat:
            await office.desk.give_back(seat)
        assert office.codex.asked("thread/unsubscribe") == []
    assert office.codex.asked("thread/unsubscribe") == [ROOT]


async def test_threads_are_given_back_also_when_no_turn_came_to_an_item(office: Office) -> None:
    # As when app-server dies just after it has taken them.
    async def worked_on(number: int) -> None:
        async with office.desk.seat(office.opening(f"thread-{number}")) as seat:
            seats.append(seat)
            if len(seats) == STARTS_AT_ONCE:
                all_have_one.set()
            await all_have_one.wait()
            await office.desk.give_back(seat)

    seats: list[Seat] = []
    all_have_one = asyncio.Event()
    await office.source.get()
    await asyncio.gather(*map(worked_on, range(STARTS_AT_ONCE)))
    assert len(office.codex.asked("thread/unsubscribe")) == STARTS_AT_ONCE


async def test_the_commands_of_a_run_end_with_it_also_when_the_next_one_waits(
    office: Office,
) -> None:
    async def next_one() -> None:
        async with office.desk.seat(office.opening()):
            pass

    async with office.desk.seat(office.opening()) as seat:
        command = {"type": "commandExecution", "id": "c"}
        office.codex.emit("item/started", threadId=ROOT, turnId=TURN, item=command)
        await seat.server.call("sync", {})
        waiting = asyncio.create_task(next_one())
        await until(lambda: seat.known.waiting > 1, "the next one waits")
        await office.desk.give_back(seat)
        assert office.codex.asked("thread/backgroundTerminals/clean") == [ROOT]
        assert office.codex.asked("thread/unsubscribe") == []
    await waiting
    assert office.loads == [1]
