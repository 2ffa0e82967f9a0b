"""What becomes of runs whose supervisor was killed."""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
import time

import pytest

from codexmcp.codex.writer import writer_lock
from codexmcp.runs.preparation import CONTINUE_PROMPT
from codexmcp.testing import ShellCall
from tests.support.faulty_supervisor import NO_TURN, PROGRAM, dying
from tests.support.index_claim import FILE, claim
from tests.support.model_steps import escalated
from tests.support.processes import is_alive, until
from tests.support.supervision import BOUND_S, FOUND_S, RefusedError, Station, kill

FULL_ACCESS = {"permissions": "yolo"}
ESCALATED = escalated("true")


async def kill_during(here: Station, prompt: str, **arguments: object) -> str:
    """Start a run, kill the supervisor while the model works on it, and return the run's id."""
    here.model.hold(prompt)
    async with here.client() as client:
        run_id = await client.run(prompt, **arguments)
        await here.model.wait_until_asked(prompt)
        await here.killed((await client.status())["pid"])
    await here.emptied()
    return run_id


async def test_a_run_of_a_killed_supervisor_is_found_lost_and_can_be_resumed(here: Station) -> None:
    run_id = await kill_during(here, "first")

    async with here.client() as client:
        started = time.monotonic()
        told = await client.wait(run_id)
        found_s = time.monotonic() - started
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="go on")
        ended = await client.wait(resumed["runId"])

    assert found_s < FOUND_S
    assert told["status"] == "lost"
    assert "died while it ran; the run can be resumed" in told["reason"]
    assert ended["status"] == "completed"
    assert ended["threadId"] == told["threadId"]
    assert here.model.prompts == ["first", "go on"]


async def test_a_lost_run_can_be_forked_with_what_its_conversation_knew(here: Station) -> None:
    run_id = await kill_during(here, "first")

    async with here.client() as client:
        assert (await client.wait(run_id))["status"] == "lost"
        for prompt in ("before", "after"):
            fork = await client.tool("codex_fork", run_id=run_id, prompt=prompt, wait_ms=20_000)
            assert fork["message"] == f"done: {prompt}"
            await client.tool("codex_resume", run_id=run_id, prompt="go on", wait_ms=20_000)

    asked = [request for request in here.model.requests if request.turn.prompt == "before"]
    assert "first" in json.dumps(asked[-1].body)


@pytest.mark.parametrize("audit", ["kept", "lost"])
async def test_a_prompt_is_not_sent_again_although_neither_store_nor_thread_has_its_turn(
    here: Station, audit: str
) -> None:
    """As in a Codex home that was full: the rollout is empty, and the store has no turn."""
    here.model.hold("first")
    supervisor = here.supervisor(program=[*PROGRAM, "serve"], env={NO_TURN: "1"})
    async with supervisor as process, here.client() as client:
        run_id = await client.run("first", retries=1)
        await here.model.wait_until_asked("first")
        kill(process.pid)
        await process.wait()
    await here.emptied()
    (rollout,) = here.home.glob("sessions/**/*.jsonl")
    rollout.write_bytes(b"")
    if audit == "lost":
        (here.project / f".codex/codex-mcp/runs/{run_id}.jsonl").unlink()

    async with here.client() as client:
        told = await client.wait(run_id)
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="more", wait_ms=20_000)
        forked = await client.tool("codex_fork", run_id=run_id, prompt="more", wait_ms=20_000)

    assert told["status"] == "lost"
    doubt = "its turn had begun" if audit == "kept" else "it cannot be told whether it was sent"
    assert doubt in told["reason"]
    assert "cannot be resumed" in told["reason"]
    assert "Start a new run" in resumed["reason"]
    assert "Start a new run" in forked["reason"]
    assert here.model.prompts == ["first"]


async def test_a_run_with_retries_continues_and_never_repeats_its_prompt(here: Station) -> None:
    run_id = await kill_during(here, "first", retries=1)

    async with here.client() as client:
        told = await client.wait(run_id)

    assert told["status"] == "completed"
    assert here.model.prompts == ["first", CONTINUE_PROMPT]
    audit = (here.project / f".codex/codex-mcp/runs/{run_id}.jsonl").read_text()
    told_of = [json.loads(line) for line in audit.splitlines()]
    (again,) = (each for each in told_of if each.get("state") == "queued" and each["attempt"] == 1)
    assert again["reason"].startswith("again: its supervisor")
    assert told_of[-1]["state"] == "completed"


async def test_a_run_that_is_withdrawn_before_its_retry_ends_in_its_audit_files_too(
    here: Station,
) -> None:
    here.model.hold("first")
    here.model.hold("urgent")
    async with here.supervisor("--max-runs", "1") as supervisor, here.client() as client:
        run_id = await client.run("first", retries=1)
        await here.model.wait_until_asked("first")
        await client.run("urgent", priority=9)
        kill(supervisor.pid)
        await supervisor.wait()
    async with here.supervisor("--max-runs", "1"), here.client() as client:
        await here.model.wait_until_asked("urgent")
        await client.until_state(run_id, "queued")
        await client.tool("codex_interrupt", run_id=run_id)

    audit = here.project / f".codex/codex-mcp/runs/{run_id}"
    lines = audit.with_suffix(".jsonl").read_text().splitlines()
    states = [json.loads(line).get("state") for line in lines]
    assert [state for state in states if state][-3:] == ["running", "queued", "interrupted"]
    assert "State: **interrupted**" in audit.with_suffix(".md").read_text()


async def test_retries_are_used_up(here: Station) -> None:
    run_id = await kill_during(here, "first", retries=1)
    here.model.hold(CONTINUE_PROMPT)
    async with here.client() as client:
        await here.model.wait_until_asked(CONTINUE_PROMPT)
        await here.killed((await client.status())["pid"])

    async with here.client() as client:
        told = await client.wait(run_id)

    assert told["status"] == "lost"
    assert here.model.prompts == ["first", CONTINUE_PROMPT]


async def test_a_turn_that_was_completed_unseen_settles_its_run(here: Station) -> None:
    """The supervisor stands still while Codex ends the turn, and is killed then."""
    release = here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        pid = (await client.status())["pid"]
        with here.frozen(pid):
            release.set()
            await until(here.has_ended_a_turn, "Codex has ended the turn")
            await here.killed(pid)

    async with here.client() as client:
        told = await client.wait(run_id)

    assert told["status"] == "completed", (told, here.log)
    assert told["message"] == "done: first"
    assert here.model.prompts == ["first"]


async def test_queued_runs_of_a_killed_supervisor_are_taken_over_and_run_once(
    here: Station,
) -> None:
    here.model.hold("held")
    queued = [f"waiting {number}" for number in range(5)]
    async with here.supervisor("--max-runs", "1") as supervisor, here.client() as client:
        held = await client.run("held")
        await here.model.wait_until_asked("held")
        run_ids = [await client.run(prompt) for prompt in queued]
        assert {(await client.look(each))["status"] for each in run_ids} == {"still_running"}
        kill(supervisor.pid)
        await supervisor.wait()

    async with here.client() as client:
        told = [await client.wait(run_id) for run_id in [held, *run_ids]]

    assert [each["status"] for each in told] == ["lost"] + ["completed"] * 5
    assert sorted(here.model.prompts) == sorted(["held", *queued])


async def test_a_run_starts_though_codex_was_killed_while_it_indexed_its_conversations(
    here: Station,
) -> None:
    async with here.client() as client:
        await client.tool("codex_run", prompt="first", wait_ms=20_000)
        await here.killed((await client.status())["pid"])
    await here.emptied()
    claim(here.home / FILE)

    async with here.client() as client:
        told = await client.tool("codex_run", prompt="second", wait_ms=20_000)

    assert told["message"] == "done: second"
    assert "unfinished; the next Codex continues the index" in here.log


async def test_a_repeated_call_after_the_kill_gets_the_same_run(here: Station) -> None:
    run_id = await kill_during(here, "first", idempotency_key="once")

    async with here.client() as client:
        again = await client.run("first", idempotency_key="once")
        told = await client.wait(run_id)

    assert again == run_id
    assert told["status"] == "lost"
    assert here.model.asked("first") == 1


async def test_a_repeated_call_with_another_api_key_gets_the_same_run(here: Station) -> None:
    arguments = {"prompt": "first", "idempotency_key": "once", "wait_ms": 20_000}
    async with here.client(env={"OPENAI_API_KEY": "sk-one"}) as client:
        first = await client.tool("codex_run", **arguments)
        kill((await client.status())["pid"], signal.SIGTERM)
    await here.emptied()

    async with here.client(env={"OPENAI_API_KEY": "sk-two"}) as client:
        again = await client.tool("codex_run", **arguments)
        with pytest.raises(RefusedError, match="with another prompt"):
            await client.run("second", idempotency_key="once")

    assert (again["runId"], again["message"]) == (first["runId"], "done: first")
    assert here.model.prompts == ["first"]


async def test_a_question_that_waits_when_the_supervisor_dies_does_not_keep_its_run_active(
    here: Station,
) -> None:
    here.model.on("ask", ESCALATED)
    async with here.client() as client:
        run_id = await client.run("ask", approval_policy="on-request")
        await client.until_state(run_id, "waiting_for_approval")
        (question,) = (await client.tool("codex_approvals"))["approvals"]
        assert question["runId"] == run_id
        await here.killed((await client.status())["pid"])

    async with here.client() as client:
        told = await client.wait(run_id)
        left = await client.tool("codex_approvals")
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="without", wait_ms=20_000)

    assert told["status"] == "lost"
    assert left == {"approvals": []}
    assert resumed["status"] == "completed"


async def test_an_answer_to_a_question_from_before_the_kill_answers_none_of_after_it(
    here: Station,
) -> None:
    here.model.on("ask", ESCALATED)
    here.model.on(CONTINUE_PROMPT, ESCALATED)
    async with here.client() as client:
        run_id = await client.run("ask", approval_policy="on-request", retries=1)
        await client.until_state(run_id, "waiting_for_approval")
        (before,) = (await client.tool("codex_approvals"))["approvals"]
        await here.killed((await client.status())["pid"])

        await client.is_left_alone()
        await client.tool("codex_runs")
        await here.model.wait_until_asked(CONTINUE_PROMPT)
        await client.until_state(run_id, "waiting_for_approval")
        (after,) = (await client.tool("codex_approvals"))["approvals"]
        with pytest.raises(RefusedError, match=r"no question .* waits"):
            await client.tool("codex_approve", approval_id=before["approvalId"], decision="accept")
        await client.tool("codex_approve", approval_id=after["approvalId"], decision="decline")
        assert (await client.wait(run_id))["status"] == "completed"


async def test_what_a_lost_run_has_left_running_is_ended_by_the_next_supervisor(
    here: Station,
) -> None:
    pids = here.project / "pids"
    # A session of its own, so that neither its group nor its parent's end reaches it.
    leave = "(setsid sleep 300 & echo $! >> pids; setsid sh -c 'sleep 300; :' & echo $! >> pids)"
    here.model.on("leave", ShellCall(leave))
    here.model.hold("leave")
    async with here.client() as client:
        run_id = await client.run("leave", **FULL_ACCESS)
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "two commands")
        await here.model.wait_for_requests_of("leave", 2)
        left = [int(pid) for pid in pids.read_text().split()]
        await here.killed((await client.status())["pid"])
    assert all(map(is_alive, left))

    async with here.client() as client:
        told = await client.wait(run_id)

    assert told["status"] == "lost"
    await until(lambda: not any(map(is_alive, left)), "the end of what the run left running")


async def test_what_a_completed_run_has_left_running_is_ended_when_its_supervisor_could_not(
    here: Station,
) -> None:
    """It is killed after the ending was recorded and before the thread was given back."""
    here.model.on("leave", ShellCall("(setsid sleep 300 & echo $! > pid)"))
    faulty = here.supervisor(program=[*PROGRAM, "serve"], env=dying(6, "add"))
    async with faulty as supervisor, here.client() as client:
        run_id = await client.run("leave", **FULL_ACCESS)
        await supervisor.wait()
    await until(lambda: not here.matching("app-server"), "the end of app-server")
    left = int((here.project / "pid").read_text())
    assert is_alive(left)

    async with here.client() as client:
        told = await client.wait(run_id)
        await until(lambda: not is_alive(left), "the end of what the run left running")

    assert told["status"] == "completed"


async def test_commands_are_spared_when_somebody_else_has_taken_up_the_thread(
    here: Station,
) -> None:
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        thread_id = str((await client.look(run_id))["threadId"])
        await here.killed((await client.status())["pid"])
    mark = {"CODEX_THREAD_ID": thread_id}
    somebodys = await asyncio.create_subprocess_exec("sleep", "300", env={**here.env, **mark})
    lock = writer_lock(here.home, thread_id).open("w")
    try:
        # As `codex resume` holds it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with here.client() as client:
            told = await client.wait(run_id)
        assert told["status"] == "lost"
        assert is_alive(somebodys.pid)
    finally:
        lock.close()
        somebodys.kill()
        await somebodys.wait()


async def test_a_supervisor_that_a_lost_run_has_started_spares_itself(here: Station) -> None:
    """A command of the run has started the client that now starts the next supervisor."""
    here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        thread_id = str((await client.look(run_id))["threadId"])
        await here.killed((await client.status())["pid"])

    async with here.supervisor(env={"CODEX_THREAD_ID": thread_id}), here.client() as client:
        assert (await client.wait(run_id))["status"] == "lost"
        assert (await client.tool("codex_run", prompt="next", wait_ms=20_000))["message"]


async def test_a_sandboxed_command_of_a_call_that_outlives_its_codex_is_ended_too(
    here: Station,
) -> None:
    """No run is on record for it: it was started by the tool `codex` of the dead supervisor."""
    async with here.client() as client:
        await here.killed((await client.status())["pid"])
    await here.emptied()
    helper = here.home / "tmp" / "codex-linux-sandbox"
    helper.parent.mkdir(exist_ok=True)
    helper.symlink_to("/bin/sh")
    env = {**here.env, "CODEX_THREAD_ID": "thread-of-a-call"}
    left = await asyncio.create_subprocess_exec(helper, "-c", "sleep 300; :", env=env)
    async with here.client():
        await asyncio.wait_for(left.wait(), BOUND_S)
