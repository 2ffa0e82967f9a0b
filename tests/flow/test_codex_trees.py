"""Turns with sub-agents, and how a tree is stopped, against a scripted app-server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from codexmcp.appserver.events import TurnStatus
from codexmcp.codex import stopping, turns
from codexmcp.codex.stopping import stop_tree
from codexmcp.codex.turns import SubAgentHandling, TurnLimits
from codexmcp.errors import AppServerClosedError, DeadlineError
from tests.support.fake_app_server import Answer, Refuse, Silence
from tests.support.turns import SHORT_S, THREAD, TURN, Conversation, completed, message

pytestmark = pytest.mark.timeout(20)

STOPPED = ["turn/interrupt", "thread/backgroundTerminals/clean"]


def spawn(talk: Conversation, child: str, parent: str = THREAD, *, begins: bool = True) -> None:
    """Have a thread start a sub-agent."""
    item = {
        "type": "subAgentActivity",
        "id": f"call-{child}",
        "agentThreadId": child,
        "agentPath": f"/root/{child}",
        "kind": "started",
    }
    talk.fake.emit("item/started", threadId=parent, turnId=TURN, item=item)
    if begins:
        talk.fake.emit("turn/started", threadId=child, turn={"id": f"turn-of-{child}"})


def ends(talk: Conversation, child: str) -> None:
    ended = completed("completed", f"turn-of-{child}")
    talk.fake.emit("turn/completed", **{**ended, "threadId": child})


def asked(talk: Conversation, method: str) -> list[str]:
    """Return the threads for which a method was called."""
    return [given["threadId"] for name, given in talk.fake.calls if name == method]


async def test_events_of_the_whole_tree_are_heard(talk: Conversation) -> None:
    running = await talk.begin()
    spawn(talk, "a")
    spawn(talk, "b", "a")
    talk.fake.emit("item/completed", threadId="b", turnId="x", item=message("from below"))
    talk.finish("done")
    result = await running
    assert result.message == "done"
    assert "b" in {event.thread_id for event in talk.events}


async def test_children_are_left_at_work_when_the_root_ended_well(talk: Conversation) -> None:
    running = await talk.begin()
    spawn(talk, "a")
    talk.finish("done")
    assert (await running).cut == ()
    assert talk.after_start() == []


async def test_a_turn_that_waits_is_over_when_its_tree_is_quiet(talk: Conversation) -> None:
    running = talk.run(on_children=SubAgentHandling.WAIT)
    await talk.fake.wait_for_call("turn/start")
    spawn(talk, "a")
    spawn(talk, "b", "a", begins=False)
    talk.finish("done")
    ends(talk, "a")
    await talk.server.call("sync", {})
    assert not running.done()
    talk.fake.emit("turn/started", threadId="b", turn={"id": "turn-of-b"})
    ends(talk, "b")
    result = await running
    assert (result.message, result.cut) == ("done", ())


async def test_children_that_are_not_waited_for_are_stopped(talk: Conversation) -> None:
    running = talk.run(on_children=SubAgentHandling.STOP)
    await talk.fake.wait_for_call("turn/start")
    spawn(talk, "a")
    talk.finish("done")
    result = await running
    assert (result.status, result.cut) == (TurnStatus.COMPLETED, ("/root/a",))
    assert asked(talk, "turn/interrupt") == ["a"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
async def test_a_root_that_did_not_end_well_takes_its_tree_along(
    talk: Conversation, status: str
) -> None:
    running = talk.run(on_children=SubAgentHandling.WAIT)
    await talk.fake.wait_for_call("turn/start")
    spawn(talk, "a")
    talk.fake.emit("turn/completed", **completed(status))
    assert (await running).cut == ("/root/a",)
    assert sorted(asked(talk, "thread/backgroundTerminals/clean")) == ["a", THREAD]


async def test_a_cancel_stops_every_generation_from_the_root_down(talk: Conversation) -> None:
    running = await talk.begin()
    spawn(talk, "a")
    spawn(talk, "b", "a")
    await talk.server.call("sync", {})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asked(talk, "turn/interrupt") == [THREAD, "a", "b"]
    assert asked(talk, "thread/backgroundTerminals/clean") == [THREAD, "a", "b"]


async def test_an_agent_that_was_being_made_is_stopped_too(talk: Conversation) -> None:
    def interrupt(params: Mapping[str, Any]) -> Answer:
        if params["threadId"] == THREAD:
            spawn(talk, "late")
        ended = completed("interrupted", params["turnId"])
        talk.fake.emit("turn/completed", **{**ended, "threadId": params["threadId"]})
        return {}

    running = await talk.begin()
    talk.fake.answers["turn/interrupt"] = interrupt
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asked(talk, "turn/interrupt") == [THREAD, "late"]


async def test_a_turn_that_has_not_begun_is_waited_for_and_then_interrupted(
    talk: Conversation,
) -> None:
    talk.fake.answers["turn/start"] = {"turn": {"id": TURN}}
    running = await talk.begin()
    running.cancel()
    await talk.server.call("sync", {})
    assert not running.done()
    assert asked(talk, "turn/interrupt") == []
    talk.emit("turn/started", turn={"id": TURN})
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asked(talk, "turn/interrupt") == [THREAD]


async def test_the_end_of_an_agent_that_was_not_told_is_found(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "ROUND_S", SHORT_S)
    running = await talk.begin()
    spawn(talk, "a")
    await talk.server.call("sync", {})
    talk.fake.answers["turn/interrupt"] = Refuse("no active turn to interrupt")
    talk.fake.answers["thread/read"] = {"thread": {"status": {"type": "idle"}}}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert talk.server.agents.busy(THREAD) == []


async def test_a_tree_that_cannot_be_stopped_is_told(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOP_TIMEOUT_S", SHORT_S)
    await talk.begin()
    talk.fake.answers["turn/interrupt"] = Silence()
    assert not (await stop_tree(talk.server, THREAD)).is_quiet


async def test_the_death_of_the_app_server_stops_a_tree(talk: Conversation) -> None:
    running = await talk.begin()
    spawn(talk, "a")
    talk.fake.die("killed")
    with pytest.raises(AppServerClosedError):
        await running
    assert (await stop_tree(talk.server, THREAD)).is_quiet


async def test_a_child_that_tells_something_keeps_the_turn_of_a_silent_root(
    talk: Conversation,
) -> None:
    running = await talk.begin(TurnLimits(idle_s=0.4))
    spawn(talk, "a")
    for _ in range(6):
        await asyncio.sleep(0.1)
        talk.fake.emit("item/started", threadId="a", turnId="x", item={"type": "reasoning"})
    talk.finish("done")
    assert (await running).message == "done"


async def test_a_command_of_a_child_may_be_silent_for_longer_but_not_for_ever(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "WORKING_FACTOR", 6)
    talk.fake.answers["thread/read"] = {"thread": {"status": {"type": "active"}}}
    running = await talk.begin(TurnLimits(idle_s=0.1))
    spawn(talk, "a")
    command = {"type": "commandExecution", "id": "1"}
    talk.fake.emit("item/started", threadId="a", turnId="x", item=command)
    await asyncio.sleep(0.3)
    assert not running.done()
    with pytest.raises(DeadlineError, match="was silent"):
        await running
    assert asked(talk, "turn/interrupt") == [THREAD, "a"]


async def test_an_announced_sleep_is_no_silence(talk: Conversation) -> None:
    running = await talk.begin(TurnLimits(idle_s=0.1))
    talk.emit("item/started", item={"type": "sleep", "id": "s", "durationMs": 400})
    await asyncio.sleep(0.3)
    assert not running.done()
    talk.finish("awake")
    assert (await running).message == "awake"


async def test_turns_that_codex_begins_for_a_goal_are_waited_for(talk: Conversation) -> None:
    running = talk.run(on_children=SubAgentHandling.WAIT)
    await talk.fake.wait_for_call("turn/start")
    talk.emit("thread/goal/updated", goal={"status": "active"})
    talk.finish("first")
    talk.emit("turn/started", turn={"id": "turn-2"})
    talk.emit("item/completed", item=message("second"), turnId="turn-2")
    talk.emit("thread/goal/updated", goal={"status": "complete"})
    await talk.server.call("sync", {})
    assert not running.done()
    talk.fake.emit("turn/completed", **completed(turn_id="turn-2"))
    result = await running
    assert (result.message, result.turn_id) == ("second", "turn-2")
