"""Turns whose end is lost, late, or not waited for any more, against a scripted app-server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from codexmcp.appserver import client
from codexmcp.appserver.events import TurnError, TurnStatus
from codexmcp.codex import stopping, turns
from codexmcp.codex.turns import TurnLimits
from codexmcp.errors import DeadlineError
from tests.support.fake_app_server import BOUND_S, Answer, Refuse, Silence
from tests.support.turns import (
    GIVEN_UP,
    SHORT_S,
    THREAD,
    TURN,
    Conversation,
    message,
)

pytestmark = pytest.mark.timeout(20)


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted"])
async def test_a_lost_end_is_found_in_codexs_record(talk: Conversation, status: str) -> None:
    ended = {"id": TURN, "status": status, "items": [message("recorded")]}
    talk.record({"id": "turn-0", "status": "failed"}, ended)
    result = await talk.run(TurnLimits(idle_s=SHORT_S))
    assert (result.status, result.message) == (TurnStatus(status), "recorded")
    # Sub-agents and commands of a turn that did not end well are ended.
    cleaned = [] if status == "completed" else GIVEN_UP[1:]
    assert talk.after_start() == ["thread/read", *cleaned]


async def test_a_lost_end_without_items_keeps_what_was_heard(talk: Conversation) -> None:
    talk.record({"id": TURN, "status": "failed", "error": {"message": "gone wrong"}})
    talk.starts_with(lambda: talk.emit("item/completed", item=message("heard")))
    result = await talk.run(TurnLimits(idle_s=SHORT_S))
    assert (result.message, result.error) == ("heard", TurnError("gone wrong"))


@pytest.mark.parametrize(
    "recorded",
    [
        {"thread": {"turns": [{"id": TURN, "status": "inProgress"}]}},
        {"thread": {"turns": [{"id": "other", "status": "completed"}]}},
        {"thread": {"turns": "junk"}},
        {"thread": {"turns": [5]}},
        {},
        Refuse("thread not loaded"),
    ],
)
async def test_a_silent_turn_is_interrupted_unless_the_record_has_its_end(
    talk: Conversation, recorded: Answer
) -> None:
    talk.fake.answers["thread/read"] = recorded
    with pytest.raises(DeadlineError, match=r"silent for 0\.05 s and the turn was interrupted"):
        await talk.run(TurnLimits(idle_s=SHORT_S))
    assert talk.after_start() == ["thread/read", *GIVEN_UP]
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_an_end_that_comes_while_the_record_is_read_counts(talk: Conversation) -> None:
    def read(_params: Mapping[str, Any]) -> Answer:
        talk.finish("just in time")
        return {"thread": {"turns": [{"id": TURN, "status": "inProgress"}]}}

    talk.fake.answers["thread/read"] = read
    assert (await talk.run(TurnLimits(idle_s=SHORT_S))).message == "just in time"
    assert talk.after_start() == ["thread/read"]


async def test_announced_retries_count_as_silence_and_are_named(talk: Conversation) -> None:
    # Each look at the record brings one more retry, which must not start the clock anew.
    idle_s = 0.4
    looks = list[float]()
    clock = asyncio.get_running_loop().time

    def read(_params: Mapping[str, Any]) -> Answer:
        looks.append(clock())
        if len(looks) < 4:
            talk.emit_error(f"Reconnecting... {len(looks)}/5", will_retry=True)
        return {}

    talk.fake.answers["thread/read"] = read
    with pytest.raises(DeadlineError, match=r"last error: Reconnecting\.\.\. 3/5"):
        await talk.run(TurnLimits(idle_s=idle_s))
    assert len(looks) == 4
    # After a clock that started anew, every look would be as late as that.
    assert min(later - sooner for sooner, later in pairwise(looks)) < idle_s


async def test_a_turn_that_keeps_talking_is_not_silent(talk: Conversation) -> None:
    idle_s = 1.5
    heard = asyncio.Event()
    running = talk.run(TurnLimits(idle_s=idle_s), on_event=lambda _event: heard.set())
    await talk.fake.wait_for_call("turn/start")
    clock = asyncio.get_running_loop().time
    began_s = clock()
    while clock() - began_s < 1.2 * idle_s:
        heard.clear()
        talk.emit("item/agentMessage/delta", delta="word")
        await asyncio.wait_for(heard.wait(), BOUND_S)
        await asyncio.wait({running}, timeout=0.1 * idle_s)
    talk.finish("done")
    assert (await running).message == "done"
    assert "thread/read" not in talk.fake.methods()


async def test_the_bound_on_the_whole_turn_interrupts_it(talk: Conversation) -> None:
    with pytest.raises(DeadlineError, match=r"not done after 0\.05 s and was interrupted"):
        await talk.run(TurnLimits(timeout_s=SHORT_S, idle_s=None))
    assert talk.after_start() == GIVEN_UP


async def test_the_bound_on_the_whole_turn_holds_while_codex_talks(talk: Conversation) -> None:
    talk.starts_with(lambda: talk.emit_error("Reconnecting...", will_retry=True))
    running = talk.run(TurnLimits(timeout_s=0.2, idle_s=None))
    await talk.fake.wait_for_call("turn/start")
    while not running.done():
        talk.emit_error("Reconnecting...", will_retry=True)
        await talk.server.call("sync", {})
    with pytest.raises(DeadlineError, match=r"last error: Reconnecting"):
        await running


async def test_cancelling_interrupts_the_turn_and_kills_its_commands(talk: Conversation) -> None:
    running = await talk.begin()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert talk.after_start() == GIVEN_UP


async def test_cancelling_before_the_start_is_answered_interrupts_the_turn_too(
    talk: Conversation,
) -> None:
    # Codex has the prompt already, and would work on it unseen.
    talk.fake.answers["turn/start"] = Silence()
    running = talk.run()
    await talk.fake.wait_for_call("turn/start")
    running.cancel()
    await talk.server.call("sync", {})
    (request_id,) = [each for each in talk.server._connection._waiting if isinstance(each, int)]
    talk.fake.write(b'{"id":%d,"result":{"turn":{"id":"turn-1"}}}\n' % request_id)
    talk.emit("turn/started", turn={"id": TURN})
    with pytest.raises(asyncio.CancelledError):
        await running
    assert talk.after_start() == GIVEN_UP
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_cancelling_a_start_that_is_never_answered_is_bounded(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "INTERRUPT_TIMEOUT_S", 0.01)
    talk.fake.answers["turn/start"] = Silence()
    running = talk.run()
    await talk.fake.wait_for_call("turn/start")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_start_that_is_not_answered_in_time_is_given_up(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Codex may work on the prompt all the same, and then tells the turn's id in an event.
    def start(_params: Mapping[str, Any]) -> Answer:
        talk.emit("turn/started", turn={"id": TURN})
        return Silence()

    call = talk.server.call

    async def impatient(method: str, params: Mapping[str, Any], **more: float) -> dict[str, Any]:
        return await call(
            method, params, **({"timeout_s": 0.5} if method == "turn/start" else more)
        )

    monkeypatch.setattr(talk.server, "call", impatient)
    talk.fake.answers["turn/start"] = start
    with pytest.raises(DeadlineError, match="no answer to turn/start"):
        await talk.run()
    assert talk.after_start() == GIVEN_UP
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_a_bound_that_cannot_be_kept_sends_nothing(talk: Conversation) -> None:
    with pytest.raises(OverflowError):
        await talk.run(TurnLimits(timeout_s=10**400))
    assert talk.fake.methods() == []


async def test_whatever_breaks_the_wait_gives_the_turn_up(talk: Conversation) -> None:
    with pytest.raises(OverflowError):
        await talk.run(TurnLimits(idle_s=10**400))
    assert talk.after_start() == GIVEN_UP


@pytest.mark.parametrize("limits", [TurnLimits(timeout_s=SHORT_S), TurnLimits(idle_s=SHORT_S)])
async def test_an_interrupt_that_is_never_answered_is_bounded(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, limits: TurnLimits
) -> None:
    monkeypatch.setattr(client, "INTERRUPT_TIMEOUT_S", 0.01)
    monkeypatch.setattr(stopping, "STOP_TIMEOUT_S", SHORT_S)
    for method in (*GIVEN_UP, "thread/read"):
        talk.fake.answers[method] = Silence()
    monkeypatch.setattr(turns, "SETTLE_TIMEOUT_S", SHORT_S)
    with pytest.raises(DeadlineError, match="was interrupted"):
        await talk.run(limits)
    assert "turn/interrupt" in talk.after_start()
