"""The client with the real Codex."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import CommandExecution, ItemCompleted, TurnStatus
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.codex.turns import TurnLimits
from codexmcp.codex.unloading import leave, unload
from codexmcp.errors import AppServerClosedError, DeadlineError, RequestError
from codexmcp.testing import (
    HTTPError,
    Outcome,
    Request,
    ScriptedModel,
    ShellCall,
    Spawn,
    Stall,
    Surface,
    Text,
)
from tests.support.builds import codex_build, pinned_codex
from tests.support.model_steps import UNKNOWN_MODEL
from tests.support.processes import group_of, processes_of, until
from tests.support.real_app_server import (
    BOUND_S,
    UNCONFINED,
    Conversation,
    conversation,
    launch_options,
)

OLDEST = "0.153.4"
SLEEP = ShellCall("exec sleep 54321")


@pytest.fixture
async def talk(codex_home: Path, model: ScriptedModel) -> AsyncIterator[Conversation]:
    async with conversation(codex_home, model) as started:
        yield started


async def test_a_turn_runs_from_prompt_to_answer(talk: Conversation, model: ScriptedModel) -> None:
    model.add(Text("hello"))
    result = await talk.say("greet")
    assert (result.status, result.message, result.error) == (TurnStatus.COMPLETED, "hello", None)
    methods = [event.method for event in talk.heard.events]
    assert methods.index("turn/started") < methods.index("turn/completed")


async def test_twenty_threads_work_at_once_over_one_process(
    codex_home: Path, model: ScriptedModel
) -> None:
    count = 20

    async def answer(request: Request) -> Text:
        # Nobody is answered before all have asked.
        await model.wait_for_requests(count, timeout_s=BOUND_S)
        return Text(f"answer to {request.turn.prompt}")

    model.add(*[answer] * count)
    async with AppServer.launch(launch_options(codex_home, model.base_url)) as server:

        async def talk(number: int) -> str:
            thread = await server.start_thread(UNCONFINED)
            return (await Conversation(server, thread.id).say(f"question {number}")).message

        messages = await asyncio.gather(*map(talk, range(count)))
    assert messages == [f"answer to question {number}" for number in range(count)]


async def test_a_thread_goes_on_in_a_second_process(codex_home: Path, model: ScriptedModel) -> None:
    model.add(Text("the first answer"), Text("the second answer"))
    async with conversation(codex_home, model) as first:
        await first.say("the first question")
    async with AppServer.launch(launch_options(codex_home, model.base_url)) as server:
        with pytest.raises(RequestError, match="thread not found"):
            await Conversation(server, first.thread_id).say("too early")
        thread = await server.resume_thread(first.thread_id, ThreadOptions())
        assert thread.id == first.thread_id
        result = await Conversation(server, thread.id).say("the second question")
    assert result.message == "the second answer"
    history = json.dumps(model.requests[-1].body)
    for part in ("the first question", "the first answer", "the second question"):
        assert part in history


async def test_a_thread_has_one_writer_and_many_readers(
    codex_home: Path, talk: Conversation, model: ScriptedModel
) -> None:
    model.add(Text("said"))
    await talk.say("ask")
    async with AppServer.launch(launch_options(codex_home, model.base_url)) as other:
        with pytest.raises(RequestError, match="already has an active writer"):
            await other.resume_thread(talk.thread_id, ThreadOptions())
        thread = await other.read_thread(talk.thread_id)
    (turn,) = thread["turns"]
    assert turn["status"] == "completed"
    assert "said" in json.dumps(turn["items"])


async def test_a_thread_that_does_not_exist_is_refused(talk: Conversation) -> None:
    missing = "00000000-0000-7000-8000-000000000000"
    with pytest.raises(RequestError, match="no rollout found"):
        await talk.server.resume_thread(missing, ThreadOptions())
    with pytest.raises(RequestError, match="thread not loaded"):
        await talk.server.read_thread(missing)


async def test_an_unloaded_thread_goes_on_in_another_process_and_in_its_own(
    codex_home: Path, talk: Conversation, model: ScriptedModel
) -> None:
    model.add(Text("first"), Text("second"), Text("third"))
    await talk.say("ask")
    await unload(talk.server, talk.thread_id)
    async with AppServer.launch(launch_options(codex_home, model.base_url)) as other:
        await other.resume_thread(talk.thread_id, ThreadOptions())
        assert (await Conversation(other, talk.thread_id).say("go on")).message == "second"
    await talk.server.resume_thread(talk.thread_id, ThreadOptions())
    assert (await talk.say("go on")).message == "third"


@pytest.mark.parametrize("build", ["pinned", OLDEST])
@pytest.mark.timeout(240)
async def test_sub_agents_are_unloaded_with_their_thread_and_nothing_stays_in_the_archive(
    codex_home: Path, model: ScriptedModel, build: str
) -> None:
    codex = pinned_codex() if build == "pinned" else codex_build(build)
    # In code mode the sub-agent's end may come after the answer, which is then lost.
    model.surface = Surface.PLAIN
    plain = replace(UNCONFINED, model=UNKNOWN_MODEL)
    asked = 0

    async def answer(request: Request) -> Text | Spawn:
        nonlocal asked
        asked += 1
        if request.turn.prompt == "help":
            return Text("helped")
        return Text("done") if request.turn.steps else Spawn("helper", "help")

    model.add(answer, answer, answer)
    async with AppServer.launch(launch_options(codex_home, model.base_url, codex=codex)) as server:
        talk = Conversation(server, (await server.start_thread(plain)).id)
        assert (await talk.say("get help")).message == "done"
        await until(lambda: asked == 3, "the sub-agent was asked")
        before = rollouts(codex_home)
        assert len(before) == 2
        await leave(server, talk.thread_id)
        assert (await server.call("thread/loaded/list", {}))["data"] == []

    assert rollouts(codex_home) == before
    assert locks(codex_home) == []


def locks(home: Path) -> list[Path]:
    """Return the locks of loaded threads."""
    return list(home.glob("thread-writer-locks/*-*.lock"))


def rollouts(home: Path) -> list[Path]:
    """Return the conversations that are not archived."""
    return sorted(home.glob("sessions/**/*.jsonl"))


async def test_a_running_turn_takes_more_input(talk: Conversation, model: ScriptedModel) -> None:
    steered = asyncio.Event()

    async def answer(_request: Request) -> Outcome:
        await asyncio.wait_for(steered.wait(), BOUND_S)
        return Text("one done")

    model.add(answer, Text("both done"))
    running = talk.begin("do one thing")
    started = await talk.heard.wait_for("turn/started")
    await model.wait_for_requests(1)
    await talk.server.steer_turn(talk.thread_id, started.turn_id, [text_input("and another thing")])
    steered.set()
    assert (await running).message == "both done"
    asked = json.dumps(model.requests[-1].body)
    assert "do one thing" in asked
    assert "and another thing" in asked


async def test_a_turn_that_does_not_run_takes_no_input(talk: Conversation) -> None:
    with pytest.raises(RequestError, match="no active turn"):
        await talk.server.steer_turn(talk.thread_id, "none", [text_input("more")])


async def test_an_interrupted_turn_says_so_and_the_thread_goes_on(
    talk: Conversation, model: ScriptedModel
) -> None:
    model.add(Stall(), Text("again"))
    running = talk.begin("wait")
    started = await talk.heard.wait_for("turn/started")
    await model.wait_for_requests(1)
    await talk.server.interrupt_turn(talk.thread_id, started.turn_id)
    assert (await running).status is TurnStatus.INTERRUPTED
    assert (await talk.say("once more")).message == "again"


async def test_an_interrupt_of_an_ended_turn_returns_within_its_bound(
    talk: Conversation, model: ScriptedModel
) -> None:
    model.add(Text("done"))
    result = await talk.say("ask")
    interrupting = talk.server.interrupt_turn(talk.thread_id, result.turn_id)
    await asyncio.wait_for(interrupting, BOUND_S)


async def test_a_refusal_of_the_model_fails_the_turn_with_its_words(
    talk: Conversation, model: ScriptedModel
) -> None:
    model.add(HTTPError(400, "the model says no"))
    result = await talk.say("ask")
    assert result.status is TurnStatus.FAILED
    assert result.error is not None
    assert "the model says no" in result.error.message


async def test_a_silent_model_ends_the_turn_at_the_bound(
    talk: Conversation, model: ScriptedModel
) -> None:
    model.add(Stall(), Text("again"))
    with pytest.raises(DeadlineError, match="can be continued"):
        # Long enough for Codex to ask the model, whoever else is at work.
        await talk.say("ask", TurnLimits(idle_s=3.0))
    assert (await talk.say("once more")).message == "again"


async def test_a_cancelled_turn_leaves_no_command_running(
    codex_home: Path, talk: Conversation, model: ScriptedModel
) -> None:
    model.add(SLEEP)
    running = talk.begin("sleep")
    await talk.heard.wait_for("commandExecution")
    await until(lambda: sleeping(codex_home), "the command runs")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not sleeping(codex_home), "the command is gone")
    assert talk.server.closed_by is None


async def test_a_command_output_beyond_one_mebibyte_arrives_in_one_item(
    talk: Conversation, model: ScriptedModel
) -> None:
    model.add(ShellCall("head -c 3000000 /dev/zero | tr '\\0' x"), Text("seen"))
    assert (await talk.say("print a lot")).message == "seen"
    (command,) = [
        event.item
        for event in talk.heard.events
        if isinstance(event, ItemCompleted) and isinstance(event.item, CommandExecution)
    ]
    assert command.exit_code == 0
    assert len(command.output) >= 1024 * 1024


async def test_nothing_is_left_when_the_block_ends(codex_home: Path, model: ScriptedModel) -> None:
    model.add(SLEEP)
    async with conversation(codex_home, model) as talk:
        pid = talk.server.pid
        running = talk.begin("sleep")
        await until(lambda: sleeping(codex_home), "the command runs")
        assert group_of(pid)
    assert group_of(pid) == []
    await until(lambda: not processes_of(codex_home), "every process of Codex is gone")
    with pytest.raises(AppServerClosedError, match="was stopped"):
        await asyncio.wait_for(running, BOUND_S)


async def test_a_killed_app_server_ends_its_turn_at_once(
    codex_home: Path, talk: Conversation, model: ScriptedModel
) -> None:
    model.add(SLEEP)
    running = talk.begin("sleep")
    await until(lambda: sleeping(codex_home), "the command runs")
    os.kill(talk.server.pid, signal.SIGKILL)
    with pytest.raises(AppServerClosedError, match="was ended by SIGKILL"):
        await asyncio.wait_for(running, BOUND_S)
    await until(lambda: not processes_of(codex_home), "the command is gone")


async def test_a_torn_home_still_shakes_hands(codex_home: Path) -> None:
    (codex_home / "config.toml").write_text("this is = not [toml")
    async with AppServer.launch(launch_options(codex_home)) as server:
        assert server.info["codexHome"] == str(codex_home)


def sleeping(home: Path) -> list[str]:
    return [line for line in processes_of(home).values() if line == "sleep 54321"]
