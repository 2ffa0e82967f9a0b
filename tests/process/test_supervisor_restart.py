"""Clients whose supervisor is killed or stopped while it works for them, and who go on."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import pytest

from tests.support.model_steps import escalated
from tests.support.processes import until
from tests.support.supervision import FOUND_S, RefusedError, RunClient, Station, kill

ENDED = "the supervisor ended during this call"


async def call(client: RunClient, tool: str, **arguments: Any) -> int:
    """Call a tool without waiting for its answer."""
    return await client.send("tools/call", name=tool, arguments=arguments)


async def refused(client: RunClient, number: int) -> str:
    """Return why a call was refused."""
    with pytest.raises(RefusedError) as caught:
        await client.answer(number)
    return str(caught.value)


@pytest.mark.parametrize("wait_ms", [240_000, 0], ids=["a slice", "to the end"])
async def test_a_wait_that_a_kill_cuts_off_is_answered_and_the_next_one_finds_the_run(
    here: Station, wait_ms: int
) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        waiting = await call(client, "codex_wait", run_id=run_id, soft_timeout_ms=wait_ms)
        await here.killed((await client.status())["pid"])
        assert ENDED in await refused(client, waiting)

        began = time.monotonic()
        told = await client.wait(run_id)
        assert time.monotonic() - began < FOUND_S
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="more", wait_ms=20_000)

    assert told["status"] == "lost"
    assert resumed["message"] == "done: more"
    assert here.model.prompts == ["first", "more"]


async def test_a_start_that_waits_for_its_result_is_answered_and_its_run_is_on_record(
    here: Station,
) -> None:
    here.model.hold("first")
    async with here.client() as client:
        starting = await call(client, "codex_run", prompt="first", wait_ms=200_000)
        await here.model.wait_until_asked("first")
        await here.killed((await client.status())["pid"])
        assert ENDED in await refused(client, starting)
        (run,) = (await client.tool("codex_runs"))["runs"]
        told = await client.wait(run["runId"])

    assert (run["title"], told["status"]) == ("first", "lost")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ten_clients_go_on_with_one_new_supervisor(
    here: Station, number: signal.Signals
) -> None:
    """Stopped, it interrupts its runs and says so; killed, it leaves them to the next one."""
    prompts = [f"task {index}" for index in range(10)]
    for prompt in prompts:
        here.model.hold(prompt)
    waiting_there, ended = asyncio.Barrier(11), asyncio.Event()

    async def work(prompt: str) -> tuple[str, int]:
        async with here.client() as client:
            run_id = await client.run(prompt)
            await here.model.wait_until_asked(prompt)
            waiting = await call(client, "codex_wait", run_id=run_id, soft_timeout_ms=0)
            # Behind the call, so that it has arrived.
            await client.status()
            await waiting_there.wait()
            await ended.wait()
            if number is signal.SIGKILL:
                assert ENDED in await refused(client, waiting)
            else:
                result = await client.answer(waiting)
                assert result["structuredContent"]["status"] == "interrupted"
                await client.is_left_alone()
            status = (await client.wait(run_id))["status"]
            resumed = await client.tool(
                "codex_resume", run_id=run_id, prompt=f"more {prompt}", wait_ms=20_000
            )
            assert resumed["message"] == f"done: more {prompt}"
            return status, (await client.status())["pid"]

    def is_gone(pid: int) -> bool:
        # As long as it is there, it refuses further work; a second SIGTERM does not wait for runs.
        kill(pid, number)
        return pid not in here.processes()

    async with here.client() as client, asyncio.TaskGroup() as tasks:
        pid = (await client.status())["pid"]
        working = [tasks.create_task(work(prompt)) for prompt in prompts]
        await waiting_there.wait()
        await until(lambda: is_gone(pid), "the end of the supervisor")
        ended.set()

    done = [each.result() for each in working]
    assert {status for status, _ in done} == {"lost" if number is signal.SIGKILL else "interrupted"}
    assert len({pid for _, pid in done}) == 1
    assert all(here.model.asked(prompt) == 1 for prompt in prompts)


async def test_a_stopped_supervisor_stays_away_until_a_client_wants_something(
    here: Station,
) -> None:
    async with here.client() as client:
        await client.status()
        assert (await here.command("serve", "--stop")).code == 0
        await client.is_left_alone()
        assert await client.ask("ping") == {}
        await client.raw.send({"jsonrpc": "2.0", "method": "notifications/cancelled"})
        assert await client.ask("ping") == {}
        assert (await here.command("serve", "--status")).code == 3
        assert (await client.tool("codex_runs"))["runs"] == []
        assert (await here.command("serve", "--status")).code == 0


async def test_a_client_is_told_why_no_supervisor_can_be_started_and_may_try_again(
    here: Station,
) -> None:
    async with here.client() as client:
        await here.killed((await client.status())["pid"])
        await client.is_left_alone()
        config = here.home / "config.toml"
        text = config.read_text()
        config.write_text("this is no TOML")
        with pytest.raises(RefusedError, match=r"config\.toml"):
            await client.tool("codex_runs")
        config.write_text(text)
        assert (await client.tool("codex_runs"))["runs"] == []


async def asked(here: Station, client: RunClient) -> int:
    """Have a call of `codex` put a question to the client; return the id of the call."""
    here.model.on("ask", escalated("true"))
    number = await call(client, "codex", prompt="ask", **{"approval-policy": "on-request"})
    await client.raw.wait_for(lambda each: each.get("method") == "elicitation/create", "a question")
    return number


async def test_a_client_that_was_asked_something_ends_with_its_supervisor(here: Station) -> None:
    """Its answer would be taken for one to a question of the next supervisor."""
    async with here.client("--tools", "codex", "--strict-compat") as client:
        await asked(here, client)
        await here.killed((await client.status())["pid"])
        assert await client.raw.wait_exit() == 78
    assert "start this server again, and a new one takes over" in client.raw.stderr


async def test_a_client_goes_on_when_what_it_was_asked_has_been_withdrawn(here: Station) -> None:
    async with here.client("--tools", "codex", "--strict-compat") as client:
        params = {"requestId": await asked(here, client)}
        cancelled = "notifications/cancelled"
        await client.raw.send({"jsonrpc": "2.0", "method": cancelled, "params": params})
        await client.raw.wait_for(lambda each: each.get("method") == cancelled, "its withdrawal")
        first = (await client.status())["pid"]
        await here.killed(first)
        await client.is_left_alone()
        assert (await client.status())["pid"] != first


async def test_a_relay_without_supervisor_ends_with_its_client(here: Station) -> None:
    async with here.client() as client:
        await here.killed((await client.status())["pid"])
        client.raw.close_stdin()
        assert await client.raw.wait_exit() == 0
    await until(lambda: not here.processes(), "no process is left")


async def test_whoever_follows_a_run_is_told_that_its_supervisor_died(here: Station) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        following = asyncio.create_task(here.command("runs", "tail", "-f", run_id))
        await until(lambda: here.matching("tail"), "the start of the command")
        await here.killed((await client.status())["pid"])
        ended = await following

    assert ended.code == 0
    assert f"run {run_id}: lost: its supervisor died; the next one settles it" in ended.err
