"""A supervisor that is killed between any two writes of its store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Coroutine

import pytest

from codexmcp.runs.preparation import CONTINUE_PROMPT
from codexmcp.testing import Text
from tests.support.faulty_supervisor import PROGRAM, dying
from tests.support.model_steps import escalated
from tests.support.processes import until
from tests.support.supervision import BOUND_S, RefusedError, RunClient, Station, kill

WRITES = {
    1: "submitted",
    2: "claimed",
    3: "maybe sent",
    4: "turn known",
    5: "ended",
    6: "audited",
    7: "given back",
}
MAYBE_SENT = {3, 4}
RECOVERY = {
    1: "owner recorded",
    2: "found lost",
    3: "queued again",
    4: "dead owner forgotten",
    5: "claimed again",
    6: "about to continue",
    7: "turn known",
    8: "ended",
}
ASKING = {5: "waits for an answer", 6: "answered", 7: "ended"}


async def check_the_only_run(here: Station, client: RunClient, prompt: str) -> dict[str, object]:
    """Hold what must be true of a run whatever was killed; return how it has ended."""
    (listed,) = (await client.tool("codex_runs"))["runs"]
    told = await client.wait(listed["runId"])
    asked, continued = here.model.asked(prompt), here.model.asked(CONTINUE_PROMPT)
    assert asked <= 1
    assert continued <= 1
    assert told["status"] in {"completed", "lost"}
    if told["status"] == "completed":
        # Codex records a prompt before the model gets it: killed between the two, the model sees it
        # in the history of the turn that continues.
        given = json.dumps(prompt)
        assert any(given in json.dumps(request.body) for request in here.model.requests)
        assert asked + continued >= 1
    else:
        await check_resume(client, listed["runId"], str(told["reason"]))
    assert (await client.tool("codex_active_runs"))["runs"] == []
    await until(lambda: files_tell(here, told), "the files of the run tell how it ended")
    return told


async def check_resume(client: RunClient, run_id: str, reason: str) -> None:
    """Hold that a lost run can be resumed if its reason says so."""
    again = await client.tool("codex_resume", run_id=run_id, prompt="again", wait_ms=20_000)
    if "cannot be resumed" in reason:
        assert "no record of its conversation" in again["reason"]
        return
    assert "can be resumed" in reason or "See what is done, then resume it" in reason
    assert again["message"] == "done: again"


def files_tell(here: Station, told: dict[str, object]) -> bool:
    """Return whether the files of a run say what the store says."""
    runs = here.project / ".codex/codex-mcp/runs"
    run_id, status = str(told["runId"]), told["status"]
    summary, active = runs / f"{run_id}.md", runs / f"active/{run_id}.json"
    indexes = [runs / "index.jsonl", here.home / "mcp-wrapper/runs.index.jsonl"]
    lines = [
        [json.loads(line) for line in index.read_text().splitlines() if run_id in line]
        for index in indexes
    ]
    return (
        summary.exists()
        and f"State: **{status}**" in summary.read_text()
        and not active.exists()
        and all(each[-1]["status"] == status for each in lines)
    )


async def until_killed(supervisor: Process, work: Coroutine[None, None, object]) -> None:
    """Have a client work until the supervisor is killed; what it says then is tested elsewhere."""
    working = asyncio.create_task(work)
    assert await asyncio.wait_for(supervisor.wait(), BOUND_S) == -9
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError, RefusedError):
        await working


async def start_and_wait(client: RunClient, retries: int) -> None:
    """Start a run and wait for its end."""
    await client.wait(await client.run("once", retries=retries))


async def run_and_accept(client: RunClient) -> None:
    """Start a run, accept what it asks, and wait for its end."""
    run_id = await client.run("once", approval_policy="on-request", retries=1)
    await client.until_state(run_id, "waiting_for_approval")
    (question,) = (await client.tool("codex_approvals"))["approvals"]
    await client.tool("codex_approve", approval_id=question["approvalId"], decision="accept")
    await client.wait(run_id)


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("write", WRITES, ids=WRITES.get)
async def test_a_kill_after_any_write_loses_no_run_and_runs_none_twice(
    here: Station, write: int, retries: int
) -> None:
    faulty = here.supervisor(program=[*PROGRAM, "serve"], env=dying(write, "add"))
    async with faulty as supervisor, here.client() as client:
        await until_killed(supervisor, start_and_wait(client, retries))

    async with here.client() as client:
        told = await check_the_only_run(here, client, "once")

    if write not in MAYBE_SENT:
        assert told["status"] == "completed"


async def test_reindex_corrects_the_files_that_a_kill_left_behind(here: Station) -> None:
    faulty = here.supervisor(program=[*PROGRAM, "serve"], env=dying(5, "add"))
    async with faulty as supervisor, here.client() as client:
        await until_killed(supervisor, start_and_wait(client, 0))
    await here.emptied()
    (audit,) = (here.project / ".codex/codex-mcp/runs").glob("2*.jsonl")
    told: dict[str, object] = {"runId": audit.stem, "status": "completed"}
    assert not files_tell(here, told)

    for corrected in (1, 0):
        ended = await here.command("runs", "reindex", "--json", str(here.project))
        assert json.loads(ended.out)["corrected"] == corrected
        assert files_tell(here, told)


async def test_a_prompt_given_twice_is_not_taken_for_done_when_it_was_cut_off_the_second_time(
    here: Station,
) -> None:
    here.model.on("go on", Text("one"), Text("two"))
    async with here.client() as client:
        first = await client.tool("codex_run", prompt="first", wait_ms=20_000)
        origin = first["runId"]
        again = await client.tool("codex_resume", run_id=origin, prompt="go on", wait_ms=20_000)
        assert again["message"] == "one"
        kill((await client.status())["pid"], signal.SIGTERM)
    await here.emptied()
    # Codex tells the times of turns in whole seconds.
    second = int(time.time())
    await until(lambda: int(time.time()) > second, "the next second")
    faulty = here.supervisor(program=[*PROGRAM, "serve"], env=dying(3, "add"))
    async with faulty as supervisor, here.client() as client:
        arguments = {"run_id": origin, "prompt": "go on", "wait_ms": 20_000}
        await until_killed(supervisor, client.tool("codex_resume", **arguments))

    async with here.client() as client:
        newest, *_ = (await client.tool("codex_runs"))["runs"]
        told = await client.wait(newest["runId"])

    # Whether it was sent the second time nobody can tell.
    assert told["status"] == "lost"
    assert "cannot be told whether it was sent" in told["reason"]
    assert here.model.prompts == ["first", "go on"]


@pytest.mark.parametrize("write", RECOVERY, ids=RECOVERY.get)
async def test_a_kill_during_recovery_is_recovered_from(here: Station, write: int) -> None:
    here.model.hold("once")
    async with here.client() as client:
        await client.run("once", retries=1)
        await here.model.wait_until_asked("once")
        await here.killed((await client.status())["pid"])
    here.env |= dying(write)
    ended = await here.command("serve", program=PROGRAM)
    assert ended.code == -9
    assert here.model.asked("once") == 1

    async with here.client() as client:
        await check_the_only_run(here, client, "once")


@pytest.mark.parametrize("write", ASKING, ids=ASKING.get)
async def test_a_kill_around_a_question_runs_its_command_at_most_once(
    here: Station, write: int
) -> None:
    here.model.on("once", escalated("echo ran >> ran"))
    faulty = here.supervisor(program=[*PROGRAM, "serve"], env=dying(write, "add"))
    async with faulty as supervisor, here.client() as client:
        await until_killed(supervisor, run_and_accept(client))

    async with here.client() as client:
        told = await check_the_only_run(here, client, "once")

    assert told["status"] == "completed"
    ran = here.project / "ran"
    assert not ran.exists() or ran.read_text() == "ran\n"
