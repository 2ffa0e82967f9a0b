"""`codexmcp.Runs` with real supervisors and the real Codex."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from codexmcp import (
    CommandStarted,
    MessageCompleted,
    QuestionAsked,
    Runs,
    SupervisedRun,
    SyncRuns,
    TurnEnded,
)
from codexmcp.errors import (
    CredentialsError,
    DeadlineError,
    RunError,
    RunErrorKind,
    RunLostError,
    RunNotFoundError,
    TurnFailedError,
    UsageError,
)
from codexmcp.testing import HTTPError, ShellCall, Text
from tests.support.model_steps import ANSWER_SCHEMA, escalated
from tests.support.processes import until
from tests.support.supervision import BOUND_S, Station, kill


@pytest.fixture
async def runs(here: Station) -> AsyncIterator[Runs]:
    async with Runs(env=here.env) as opened:
        yield opened


async def start(runs: Runs, here: Station, prompt: str, **options: Any) -> SupervisedRun:
    """Start a run in the project of a station."""
    return await runs.start(prompt, cwd=here.project, sandbox="workspace-write", **options)


async def until_state(run: SupervisedRun, state: str) -> None:
    """Wait until a run is in a state."""
    async with asyncio.timeout(BOUND_S):
        while (await run.status()).state != state:
            pass


async def test_a_run_has_events_a_status_and_a_result(here: Station, runs: Runs) -> None:
    here.model.on("work", ShellCall("echo seen; exit 3"), Text("done"))
    run = await start(runs, here, "work", name="the title")
    events = [event async for event in run.events()]
    result = await run.result()
    (started,) = [each for each in events if isinstance(each, CommandStarted)]
    assert started.command == "echo seen; exit 3"
    (finished,) = result.commands
    assert (finished.exit_code, "seen" in finished.output) == (3, True)
    assert finished in events
    assert [each.text for each in events if isinstance(each, MessageCompleted)] == ["done"]
    assert events[-1] == TurnEnded("completed")
    status = await run.status()
    assert (status.state, status.title, status.is_over) == ("completed", "the title", True)
    assert (result.message, result.run_id) == ("done", run.run_id)
    assert result.thread_id == status.thread_id
    assert [each.run_id for each in await runs.list()] == [run.run_id]
    assert await runs.list(active=True) == []


async def test_a_run_is_resumed_and_forked(here: Station, runs: Runs) -> None:
    first = await start(runs, here, "remember")
    began = await first.result()
    further = await (await first.resume("further")).result()
    forked = await (await first.fork("other")).result()
    assert further.thread_id == began.thread_id != forked.thread_id
    assert "remember" in str(here.model.requests[-1].body["input"])


async def test_questions_are_answered_by_a_function_or_by_the_consumer(
    here: Station, runs: Runs
) -> None:
    here.model.on("by function", escalated("touch one"), Text("done"))
    here.model.on("by consumer", escalated("touch two"), Text("done"))
    asked: list[QuestionAsked] = []

    async def accept(question: QuestionAsked) -> Any:
        asked.append(question)
        return "accept"

    run = await start(runs, here, "by function", approval_policy="on-request")
    await run.result(accept)
    assert [each.kind for each in asked] == ["command"]
    assert "touch one" in asked[0].text
    run = await start(runs, here, "by consumer", approval_policy="on-request")
    async for event in run.events():
        if isinstance(event, QuestionAsked):
            assert await run.questions() == [event]
            with pytest.raises(UsageError, match="invalid answer 'maybe'"):
                await run.answer(event, "maybe")  # type: ignore[arg-type]
            await run.answer(event, "accept")
    assert (here.project / "one").exists()
    assert (here.project / "two").exists()
    with pytest.raises(RunError) as raised:
        await run.answer(asked[0], "accept")
    assert raised.value.kind is RunErrorKind.NO_QUESTION


async def test_a_run_is_steered(here: Station, runs: Runs) -> None:
    release = here.model.hold("first", ShellCall("true"))
    run = await start(runs, here, "first")
    await here.model.wait_until_asked("first")
    await run.steer("and this")
    release.set()
    await run.result()
    assert any("and this" in str(each.body["input"]) for each in here.model.requests)


async def test_an_interrupt_ends_the_run_and_its_commands(here: Station, runs: Runs) -> None:
    here.model.on("long", ShellCall("sleep 1241"))
    run = await start(runs, here, "long")
    await until(lambda: here.matching("sleep 1241"), "the command runs")
    await run.interrupt()
    assert (await run.result()).status == "interrupted"
    await until(lambda: not here.matching("sleep 1241"), "the command is gone")


async def test_a_refusal_has_a_kind_and_a_remedy(here: Station, runs: Runs) -> None:
    run = await start(runs, here, "short")
    await run.result()
    with pytest.raises(RunError, match="`resume`") as raised:
        await run.interrupt()
    assert raised.value.kind is RunErrorKind.OVER
    assert raised.value.fields.run_id == run.run_id
    with pytest.raises(RunNotFoundError, match="no run 'r-none'"):
        await runs.get("r-none")


async def test_a_schema_gives_a_value_or_an_error(here: Station, runs: Runs) -> None:
    here.model.on("fits", Text('{"answer": 42}'))
    here.model.on("does not", Text("42"))
    fits = await start(runs, here, "fits", output_schema=ANSWER_SCHEMA)
    assert (await fits.result()).output == {"answer": 42}
    does_not = await start(runs, here, "does not", output_schema=ANSWER_SCHEMA)
    with pytest.raises(TurnFailedError, match="42"):
        await does_not.result()


async def test_a_run_that_fails_or_takes_too_long_raises(here: Station, runs: Runs) -> None:
    here.model.on("fail", HTTPError(400, "no such thing"), HTTPError(400, "no such thing"))
    here.model.hold("slow")
    failing = await start(runs, here, "fail")
    slow = await start(runs, here, "slow", timeout_s=0.5)
    with pytest.raises(TurnFailedError, match="no such thing"):
        await failing.result()
    assert [each async for each in failing.events()][-1].status == "failed"  # type: ignore[union-attr]
    with pytest.raises(DeadlineError):
        await slow.result()


async def test_a_lost_run_is_resumed(here: Station, runs: Runs) -> None:
    here.model.on("long", ShellCall("sleep 1242"))
    run = await start(runs, here, "long")
    await until(lambda: here.matching("sleep 1242"), "the command runs")
    for pid in here.supervisor_pids():
        await here.killed(pid)
    with pytest.raises(RunLostError, match=run.run_id):
        await run.result()
    further = await (await run.resume("go on")).result()
    assert further.message == "done: go on"


STARTS = """
import asyncio, sys
from codexmcp import Runs

async def main():
    async with Runs() as runs:
        run = await runs.start("long", cwd=sys.argv[1], sandbox="workspace-write")
        print(run.run_id, flush=True)
        await run.result()

asyncio.run(main())
"""


async def test_a_new_program_finds_the_run_of_a_killed_one(here: Station, runs: Runs) -> None:
    release = here.model.hold("long")
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTS, str(here.project)),
        env=here.env,
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    run_id = (await program.stdout.readline()).decode().strip()
    await here.model.wait_until_asked("long")
    kill(program.pid)
    await program.wait()
    run = await runs.get(run_id)
    await until_state(run, "running")
    assert [each.run_id for each in await runs.list(active=True)] == [run_id]
    release.set()
    assert (await run.result()).message == "done: long"
    assert here.model.asked("long") == 1


async def test_the_api_and_a_relay_share_a_supervisor(here: Station, runs: Runs) -> None:
    run = await start(runs, here, "one")
    await run.result()
    async with here.client() as client:
        assert (await client.wait(run.run_id))["status"] == "completed"
        assert await client.status()
    assert len(here.supervisor_pids()) == 1


async def test_scripts_without_an_event_loop_use_the_same_runs(here: Station) -> None:
    here.model.on("ask", escalated("touch one"), Text("done"))

    def script() -> None:
        with SyncRuns(env=here.env) as runs:
            run = runs.start(
                "ask", cwd=here.project, sandbox="workspace-write", approval_policy="on-request"
            )
            for event in run.events():
                if isinstance(event, QuestionAsked):
                    run.answer(event, "accept")
            assert runs.get(run.run_id).result().message == "done"
            assert run.fork("other").result().message == "done: other"
            assert runs.run("third", cwd=here.project).message == "done: third"
            assert [each.state for each in runs.list()] == ["completed"] * 3

    await asyncio.to_thread(script)
    assert (here.project / "one").exists()


async def test_options_and_credentials_are_checked_before_anything_starts(here: Station) -> None:
    async with Runs(env=here.env) as runs:
        with pytest.raises(TypeError, match="unexpected option modle"):
            await runs.start("x", modle="x")  # type: ignore[call-arg]
        assert await runs.list() == []
    with pytest.raises(RuntimeError, match="async with"):
        await runs.start("x")
    (here.home / "config.toml").write_text("")
    env = {name: each for name, each in here.env.items() if not name.startswith("OPENAI")}
    with pytest.raises(CredentialsError, match="there is no key for the model"):
        async with Runs(env=env):
            raise AssertionError
    assert not here.processes()
