"""Codex, its commands and its key proxy are killed or hang while runs are under way."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from codexmcp.codex.stopping import STOP_TIMEOUT_S
from codexmcp.runs.preparation import CONTINUE_PROMPT
from codexmcp.supervisor.methods import ATTACH
from codexmcp.testing import ShellCall, Spawn, Surface, Text
from tests.support.builds import pinned_codex
from tests.support.model_steps import UNKNOWN_MODEL, escalated
from tests.support.processes import is_alive, until
from tests.support.supervision import RefusedError, Station, kill

KEY = "sk-test-of-the-faults-1234567890"
HUNG_S = 60.0
"""Bound on finding out that Codex hangs, which takes 15 s by itself."""


async def test_a_killed_app_server_ends_its_run_at_once_with_the_cause(here: Station) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        started = time.monotonic()
        await here.killed((await client.status())["codexPid"])
        told = await client.wait(run_id)
        took_s = time.monotonic() - started
        after = await client.tool("codex_run", prompt="second", wait_ms=20_000)
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="third", wait_ms=20_000)

    assert told["status"] == "lost"
    assert "codex was ended by SIGKILL" in told["reason"]
    assert "the run can be resumed" in told["reason"]
    # Without its end it would only be found out when it is asked whether it lives.
    assert took_s < STOP_TIMEOUT_S
    assert after["message"] == "done: second"
    assert resumed["message"] == "done: third"
    assert here.model.asked("first") == 1


async def test_a_run_with_retries_continues_after_its_app_server_was_killed(here: Station) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first", retries=1)
        await here.model.wait_until_asked("first")
        await here.killed((await client.status())["codexPid"])
        told = await client.wait(run_id)

    assert told["status"] == "completed"
    assert here.model.prompts == ["first", CONTINUE_PROMPT]


async def test_an_interrupt_holds_although_the_app_server_has_just_died(here: Station) -> None:
    """The run would be tried again, but for the interrupt while a new app-server starts slowly."""
    slow, codex = here.runtime / "slow", here.runtime / "codex"
    write_codex(codex, f"while [ -e {slow} ]; do sleep 0.02; done")
    here.env["CODEX_BIN"] = str(codex)
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first", retries=1)
        await here.model.wait_until_asked("first")
        slow.touch()
        old = (await client.status())["codexPid"]
        kill(old)
        await until(lambda: set(here.matching(str(codex))) - {old}, "a new app-server")
        arguments = {"run_id": run_id}
        call = await client.send("tools/call", name="codex_interrupt", arguments=arguments)
        # Answered in order, so the interrupt was taken.
        await client.status()
        slow.unlink()
        told = (await client.answer(call))["structuredContent"]

    assert told["status"] == "interrupted"
    assert here.model.prompts == ["first"]


async def test_a_codex_that_cannot_start_fails_a_run_with_its_last_words(here: Station) -> None:
    broken, codex = here.runtime / "broken", here.runtime / "codex"
    write_codex(codex, f'if [ -e {broken} ]; then echo "no luck today" >&2; exit 3; fi')
    here.env["CODEX_BIN"] = str(codex)
    async with here.client() as client:
        assert (await client.tool("codex_run", prompt="first", wait_ms=20_000))["message"]
        broken.touch()
        kill((await client.status())["codexPid"])
        told = await client.tool("codex_run", prompt="second", wait_ms=20_000)
        broken.unlink()
        after = await client.tool("codex_run", prompt="third", wait_ms=20_000)

    assert told["status"] == "failed"
    assert "no luck today" in told["reason"]
    assert "nothing was sent: start a new run" in told["reason"]
    assert after["message"] == "done: third"
    assert here.model.prompts == ["first", "third"]


async def test_runs_that_come_just_as_the_app_server_dies_are_not_lost(here: Station) -> None:
    async with here.client() as client:
        for number in range(5):
            await client.tool("codex_wrapper_check")
            kill((await client.status())["codexPid"])
            told = await client.tool("codex_run", prompt=f"run {number}", wait_ms=20_000)
            assert told["message"] == f"done: run {number}", told

    assert here.model.prompts == [f"run {number}" for number in range(5)]


async def test_what_a_command_has_left_ends_with_a_killed_app_server(here: Station) -> None:
    pids = here.project / "pids"
    here.model.on("leave", ShellCall("setsid sleep 300 & echo $! > pids"))
    here.model.hold("leave")
    async with here.client() as client:
        run_id = await client.run("leave", permissions="yolo")
        await here.model.wait_for_requests_of("leave", 2)
        left = int(pids.read_text())
        assert is_alive(left)
        await here.killed((await client.status())["codexPid"])
        assert (await client.wait(run_id))["status"] == "lost"
        await until(lambda: not is_alive(left), "the end of what the run has left")


async def test_a_killed_shell_is_told_to_the_model_and_the_run_goes_on(here: Station) -> None:
    here.model.on("work", ShellCall("sleep 287.5"))
    async with here.client() as client:
        run_id = await client.run("work", permissions="yolo")
        await until(lambda: here.matching("sleep 287.5"), "the command runs")
        for pid in here.matching("sleep 287.5"):
            kill(pid)
        told = await client.wait(run_id)

    assert told["status"] == "completed"
    assert told["reason"] == "the only command failed"


async def test_a_killed_key_proxy_ends_the_run_with_the_cause(here: Station) -> None:
    (here.home / "config.toml").unlink()
    here.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": here.model.base_url}
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        (proxy,) = here.matching("codexmcp.codex.forwarder")
        await here.killed(proxy)
        told = await client.wait(run_id)
        after = await client.tool("codex_run", prompt="second", wait_ms=20_000)

    assert told["status"] == "lost"
    assert "proxy" in told["reason"]
    assert after["message"] == "done: second"
    assert KEY not in here.log


@pytest.mark.parametrize(
    ("bound", "words"),
    [({"timeout_ms": 4000}, "not done after 4 s"), ({}, "silent for 3 s")],
    ids=["hard", "idle"],
)
async def test_a_hung_app_server_is_replaced_and_does_not_outlast_the_bounds_of_its_run(
    here: Station, bound: dict[str, int], words: str
) -> None:
    here.model.hold("first")
    flags = () if bound else ("--idle-timeout", "3")
    async with here.client(*flags) as client:
        run_id = await client.run("first", **bound)
        await here.model.wait_until_asked("first")
        hung = (await client.status())["codexPid"]
        kill(hung, signal.SIGSTOP)
        told = await client.wait(run_id)
        async with here.client() as other:
            after = await other.wait(await other.run("second"), HUNG_S)
        assert hung not in here.processes()

    assert told["status"] == "timed_out"
    assert words in told["reason"]
    assert after["message"] == "done: second"


async def test_an_interrupt_ends_a_run_whose_app_server_hangs(here: Station) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        kill((await client.status())["codexPid"], signal.SIGSTOP)
        told = await client.tool("codex_interrupt", run_id=run_id)
        after = await client.wait(await client.run("second"), HUNG_S)

    assert told["status"] == "interrupted"
    assert after["message"] == "done: second"


async def test_a_supervisor_ends_although_its_app_server_hangs(here: Station) -> None:
    here.model.hold("first")
    async with here.supervisor("--drain-timeout", "0") as supervisor, here.client() as client:
        await client.run("first")
        await here.model.wait_until_asked("first")
        kill((await client.status())["codexPid"], signal.SIGSTOP)
        kill(supervisor.pid, signal.SIGTERM)
        assert await asyncio.wait_for(supervisor.wait(), 25.0) == 0
        assert here.supervisor_pids() == []
        assert here.matching("app-server") == []


async def test_a_question_that_waits_when_the_app_server_dies_is_withdrawn(here: Station) -> None:
    here.model.on("ask", escalated("true"))
    async with here.client() as client:
        run_id = await client.run("ask", approval_policy="on-request")
        await client.until_state(run_id, "waiting_for_approval")
        (question,) = (await client.tool("codex_approvals"))["approvals"]
        await here.killed((await client.status())["codexPid"])
        told = await client.wait(run_id)
        left = await client.tool("codex_approvals")
        with pytest.raises(RefusedError, match="it was answered, or its run is over"):
            await client.tool(
                "codex_approve", approval_id=question["approvalId"], decision="accept"
            )

    assert told["status"] == "lost"
    assert left == {"approvals": []}


def write_codex(path: Path, first: str) -> None:
    """Write a program that does something first, and then becomes Codex."""
    path.write_text(f'#!/bin/sh\n{first}\nexec {pinned_codex()} "$@"\n')
    path.chmod(0o700)


async def test_sub_agents_of_runs_are_unloaded_at_once_and_stay_out_of_the_archive(
    here: Station,
) -> None:
    # In code mode the sub-agent's end may come after the answer, which is then lost.
    here.model.surface = Surface.PLAIN
    here.model.on("get help", Spawn("helper", "help"), Text("done"))
    async with here.client() as client:
        told = await client.tool(
            "codex_run", prompt="get help", model=UNKNOWN_MODEL, wait_ms=20_000
        )
        assert told["message"] == "done"
        await here.model.wait_until_asked("help")
        await until(lambda: locked(here) == [], "no thread is loaded")
    assert len(list(here.home.glob("sessions/**/*.jsonl"))) == 2
    assert not list(here.home.glob("archived_sessions/*"))


async def test_a_thread_that_several_connections_have_loaded_is_unloaded_when_it_rests(
    here: Station,
) -> None:
    async with here.client("--tools", "codex,runs") as client:
        run_id = await client.run("first")
        thread_id = (await client.wait(run_id))["threadId"]
        await client.tool("codex-reply", threadId=thread_id, prompt="second")
        assert locked(here) == [thread_id]
        async with here.client() as person:
            attached = await person.ask(ATTACH, runId=run_id)
            assert attached["threadId"] == thread_id
        await until(lambda: locked(here) == [], "no thread is loaded")


def locked(here: Station) -> list[str]:
    """Return the threads that are loaded."""
    return [path.stem for path in here.home.glob("thread-writer-locks/*-*.lock")]
