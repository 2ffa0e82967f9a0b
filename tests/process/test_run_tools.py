"""The run tools through a relay, a supervisor and the real Codex."""

from __future__ import annotations

import json

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.runs.audit.reading import read_records
from codexmcp.testing import ShellCall, Text
from tests.support.model_steps import escalated
from tests.support.processes import until
from tests.support.real_app_server import launch_options
from tests.support.supervision import RefusedError, RunClient, Station

ESCALATION = escalated("touch asked")


async def approval_of(client: RunClient, run_id: str) -> str:
    await client.until_state(run_id, "waiting_for_approval")
    (waiting,) = (await client.tool("codex_approvals", run_id=run_id))["approvals"]
    assert "touch asked" in waiting["question"]
    return str(waiting["approvalId"])


async def test_ten_runs_outlive_their_client_and_a_new_one_gets_their_results(
    here: Station,
) -> None:
    prompts = [f"task {number}" for number in range(10)]
    held = [here.model.hold(prompt) for prompt in prompts]
    async with here.client() as client:
        runs = [await client.run(prompt) for prompt in prompts]
        for prompt in prompts:
            await here.model.wait_until_asked(prompt)
    # The client and its relay have been killed.
    async with here.client() as client:
        for release in held:
            release.set()
        told = await client.tool("codex_wait", run_ids=runs, soft_timeout_ms=20_000)
    assert told["status"] == "done"
    assert [run["message"] for run in told["runs"]] == [f"done: {prompt}" for prompt in prompts]
    assert sorted(here.model.prompts) == sorted(prompts)
    folder = here.project / ".codex" / "codex-mcp" / "runs"
    for run_id, prompt in zip(runs, prompts, strict=True):
        records = list(read_records(folder, run_id))
        assert records[0]["request"]["prompt"] == prompt
        assert records[-1]["state"] == "completed"
        assert f"done: {prompt}" in (folder / f"{run_id}.md").read_text()
    assert not list((folder / "active").iterdir())


async def test_a_run_works_in_its_folder_and_sees_its_callers_environment_without_secrets(
    here: Station,
) -> None:
    here.model.on("look", ShellCall("env | sort > seen; pwd"), Text("seen"))
    env = {"CODEXMCP_RUN_ENV": "MY_PLACE", "MY_PLACE": "here", "MY_TOKEN": "hidden-token"}
    async with here.client(env={"MY_TOKEN": "of-the-starter", "PLACE": "starter"}) as first:
        await first.wait(await first.run("warm up"))
        async with here.client(env=env) as second:
            assert (await second.wait(await second.run("look")))["status"] == "completed"
    seen = (here.project / "seen").read_text()
    assert "MY_PLACE=here\n" in seen
    assert not any(word in seen for word in ("hidden-token", "of-the-starter", "PLACE=starter"))


async def test_a_short_run_answers_directly_and_a_long_one_with_its_handle(here: Station) -> None:
    release = here.model.hold("long")
    async with here.client() as client:
        short = await client.tool("codex_run", prompt="short", wait_ms=20_000)
        assert (short["status"], short["message"]) == ("completed", "done: short")
        long = await client.tool("codex_run", prompt="long", wait_ms=50)
        assert long["status"] in {"queued", "starting", "running"}
        soft = await client.tool("codex_wait", run_id=long["runId"], soft_timeout_ms=100)
        assert (soft["status"], soft["timedOut"], soft["nextWaitMs"]) == (
            "still_running",
            False,
            100,
        )
        release.set()
        assert (await client.wait(long["runId"]))["message"] == "done: long"
        whole = await client.tool("codex_run", prompt="whole", **{"async": False})
        assert whole["message"] == "done: whole"


async def test_a_resumed_run_has_the_history_and_a_fork_leaves_the_original_alone(
    here: Station,
) -> None:
    async with here.client() as client:
        first = await client.run("remember the word blue")
        assert (await client.wait(first))["status"] == "completed"
        again = await client.tool("codex_resume", run_id=first, prompt="which word")
        second = await client.wait(again["runId"])
        fork = await client.tool("codex_fork", run_id=first, prompt="another way")
        forked = await client.wait(fork["runId"])
    assert second["status"] == forked["status"] == "completed"
    assert second["threadId"] != forked["threadId"]
    bodies = [json.dumps(request.body) for request in here.model.requests]
    assert "remember the word blue" in bodies[1]
    assert "remember the word blue" in bodies[2]
    assert "which word" not in bodies[2]


async def test_a_run_that_works_can_be_forked_steered_and_interrupted(here: Station) -> None:
    release = here.model.hold("work", ShellCall("sleep 300"))
    async with here.client() as client:
        run_id = await client.run("work")
        await here.model.wait_until_asked("work")
        forked = await client.tool("codex_fork", run_id=run_id, prompt="meanwhile", wait_ms=20_000)
        assert forked["status"] == "completed"
        await client.tool("codex_steer", run_id=run_id, prompt="be quick")
        release.set()
        stopped = await client.tool("codex_interrupt", run_id=run_id)
        assert stopped["status"] == "interrupted"
        ended = await client.wait(run_id)
        assert ended["reason"].startswith("interrupted by ")
        with pytest.raises(RefusedError, match="cannot be interrupted: it is over"):
            await client.tool("codex_interrupt", run_id=run_id)
        with pytest.raises(RefusedError, match="codex_resume"):
            await client.tool("codex_steer", run_id=run_id, prompt="too late")
        again = await client.tool("codex_resume", run_id=run_id, prompt="go on", wait_ms=20_000)
        assert again["message"] == "done: go on"


@pytest.mark.parametrize(("decision", "touched"), [("accept", True), ("decline", False)])
async def test_a_question_waits_for_its_answer(
    here: Station, decision: str, *, touched: bool
) -> None:
    here.model.on("ask", ESCALATION, Text("went on"))
    async with here.client() as client:
        run_id = await client.run("ask", approval_policy="on-request", sandbox="read-only")
        waiting = await approval_of(client, run_id)
        assert "touch asked" in (await client.look(run_id))["waitsFor"]
        await client.tool("codex_approve", approval_id=waiting, decision=decision)
        assert (await client.wait(run_id))["message"] == "went on"
        with pytest.raises(RefusedError, match=f"no question {waiting} waits"):
            await client.tool("codex_approve", approval_id=waiting, decision="accept")
    assert (here.project / "asked").exists() is touched
    summary = here.project / ".codex" / "codex-mcp" / "runs" / f"{run_id}.md"
    assert decision in summary.read_text()


async def test_a_run_that_waits_for_an_answer_can_be_interrupted(here: Station) -> None:
    here.model.on("ask", ESCALATION)
    async with here.client() as client:
        run_id = await client.run("ask", approval_policy="on-request", sandbox="read-only")
        await approval_of(client, run_id)
        assert (await client.tool("codex_interrupt", run_id=run_id))["status"] == "interrupted"
        assert (await client.tool("codex_approvals"))["approvals"] == []


async def test_a_client_with_a_fixed_policy_reaches_no_wider_run(here: Station) -> None:
    here.model.on("ask", ESCALATION, Text("went on"))
    tight = ("--sandbox", "workspace-write", "--approval-policy", "never", "--cwd", ".")
    async with here.client() as free, here.client(*tight) as bound:
        run_id = await free.run("ask", approval_policy="on-request", sandbox="read-only")
        waiting = await approval_of(free, run_id)
        assert (await bound.tool("codex_approvals"))["approvals"] == []
        assert (await bound.tool("codex_active_runs"))["runs"] == []
        for name, arguments in {
            "codex_approve": {"approval_id": waiting, "decision": "accept"},
            "codex_steer": {"run_id": run_id, "prompt": "x"},
            "codex_interrupt": {"run_id": run_id},
            "codex_wait": {"run_id": run_id},
            "codex_result": {"run_id": run_id},
        }.items():
            with pytest.raises(RefusedError, match="fixed policy"):
                await bound.tool(name, **arguments)
        with pytest.raises(RefusedError, match="is refused"):
            await bound.run("more", sandbox="danger-full-access")
        await free.tool("codex_approve", approval_id=waiting, decision="decline")
        await free.wait(run_id)
        assert (await bound.tool("codex_run", prompt="within", wait_ms=20_000))["message"]


async def test_bounds_limits_and_repeated_orders_hold(here: Station) -> None:
    here.model.hold("slow")
    async with here.client() as client:
        slow = await client.run("slow", timeout_ms=300)
        ended = await client.wait(slow)
        assert (ended["status"], ended["timedOut"]) == ("timed_out", True)
        one = await client.run("once", idempotency_key="k")
        two = await client.run("once", idempotency_key="k")
        assert one == two
        with pytest.raises(RefusedError, match=f"in use by run {one} with another prompt"):
            await client.run("another", idempotency_key="k")
        elsewhere = here.project / "elsewhere"
        elsewhere.mkdir()
        with pytest.raises(RefusedError, match="another folder; nothing was started"):
            await client.run("once", idempotency_key="k", cwd=str(elsewhere))
        await client.wait(one)
        assert here.model.asked("once") == 1
        late = await client.run("late", delay_ms=600_000)
        assert (await client.look(late))["waitsFor"]
        assert (await client.tool("codex_interrupt", run_id=late))["status"] == "interrupted"


async def test_a_wait_for_any_of_several_runs_returns_at_the_first_end(here: Station) -> None:
    release = here.model.hold("slow")
    async with here.client() as client:
        slow, quick = await client.run("slow"), await client.run("quick")
        any_of = await client.tool("codex_wait", run_ids=[slow, quick], mode="any")
        assert any_of["status"] == "done"
        assert [run["status"] for run in any_of["runs"]] == ["still_running", "completed"]
        release.set()
        await client.wait(slow)


async def test_an_output_schema_holds_the_final_message(here: Station) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    here.model.on("good", Text('{"n": 1}'))
    here.model.on("bad", Text("not that"))
    async with here.client() as client:
        good = await client.tool("codex_run", prompt="good", output_schema=schema, wait_ms=20_000)
        bad = await client.tool("codex_run", prompt="bad", output_schema=schema, wait_ms=20_000)
    assert (good["status"], good["message"]) == ("completed", '{"n": 1}')
    assert (bad["status"], bad["message"]) == ("failed", "not that")


async def test_a_run_whose_commands_all_failed_says_so(here: Station) -> None:
    here.model.on("fail", ShellCall("exit 3"), Text("all is well"))
    async with here.client() as client:
        ended = await client.wait(await client.run("fail"))
    assert (ended["status"], ended["reason"]) == ("completed", "the only command failed")


async def test_a_long_message_comes_in_pages(here: Station) -> None:
    message = "".join(f"{number:>9}\n" for number in range(5000))
    here.model.on("long", Text(message))
    async with here.client() as client:
        ended = await client.wait(await client.run("long"))
        pages = [
            (await client.tool("codex_result", run_id=ended["runId"], page=page))["message"]
            for page in range(1, ended["pages"] + 1)
        ]
        with pytest.raises(RefusedError, match="only 3 page"):
            await client.tool("codex_result", run_id=ended["runId"], page=4)
    assert "".join(pages) == message


async def test_lists_are_short_and_have_a_cursor(here: Station) -> None:
    async with here.client() as client:
        runs = [await client.run(f"task {number}", run_name=f"T{number}") for number in range(5)]
        await client.tool("codex_wait", run_ids=runs)
        first = await client.tool("codex_runs", limit=3)
        rest = await client.tool("codex_runs", limit=3, cursor=first["nextCursor"])
        listed = [*first["runs"], *rest["runs"]]
        assert [run["runId"] for run in listed] == runs[::-1]
        assert listed[0] == {"runId": runs[4], "status": "completed", "title": "T4"}
        assert "nextCursor" not in rest


async def test_progress_is_told_while_a_client_waits(here: Station) -> None:
    release = here.model.hold("slow")
    async with here.client() as client:
        run_id = await client.run("slow")
        number = await client.send(
            "tools/call",
            name="codex_wait",
            arguments={"run_id": run_id},
            _meta={"progressToken": "token"},
        )
        told = await client.raw.wait_for(
            lambda message: message.get("method") == "notifications/progress", "progress"
        )
        assert told["params"]["progressToken"] == "token"
        release.set()
        answer = await client.answer(number)
        assert answer["structuredContent"]["status"] == "completed"


async def test_a_withdrawn_wait_leaves_the_run_alone(here: Station) -> None:
    release = here.model.hold("slow")
    async with here.client() as client:
        run_id = await client.run("slow")
        number = await client.send("tools/call", name="codex_wait", arguments={"run_id": run_id})
        await client.raw.send(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": number},
            }
        )
        assert (await client.look(run_id))["status"] == "still_running"
        release.set()
        assert (await client.wait(run_id))["status"] == "completed"


async def test_what_cannot_be_done_says_what_to_do(here: Station) -> None:
    async with here.client() as client:
        for name, arguments, text in [
            ("codex_wait", {"run_id": "../x"}, "there is no run '../x'; codex_runs lists"),
            ("codex_wait", {}, "name a run in `run_id`"),
            ("codex_resume", {"run_id": "nope", "prompt": "p"}, "there is no run 'nope'"),
            ("codex_runs", {"cursor": "x"}, "take nextCursor of the last answer"),
            ("codex_run", {"prompt": "p", "cwd": "missing"}, "is not a folder"),
            ("codex_approve", {"approval_id": "a.1", "decision": "accept"}, "there is no run 'a'"),
        ]:
            with pytest.raises(RefusedError) as refused:
                await client.tool(name, **arguments)
            assert text in str(refused.value)


async def test_runs_of_an_old_record_can_be_resumed_once_they_are_reindexed(here: Station) -> None:
    async with here.client() as client:
        ended = await client.wait(await client.run("first"))
        await client.ask("codexmcp/stop")
    await here.emptied()
    for file in (here.home / "mcp-wrapper").glob("runs.sqlite3*"):
        file.unlink()
    async with here.client() as client:
        second = {"run_id": ended["runId"], "prompt": "second", "wait_ms": 20_000}
        with pytest.raises(RefusedError, match="codexmcp runs reindex"):
            await client.tool("codex_resume", **second)
        assert (await here.command("runs", "reindex")).code == 0
        again = await client.tool("codex_resume", **second)
    assert (again["status"], again["threadId"]) == ("completed", ended["threadId"])


async def test_plain_codex_can_take_over_a_thread_that_rests(here: Station) -> None:
    async with here.client() as client:
        ended = await client.wait(await client.run("first"))
        # The thread is given back right after the run has ended.
        lock = here.home / "thread-writer-locks" / f"{ended['threadId']}.lock"
        await until(lambda: not lock.exists(), "the thread is given back")
        words = ["exec", "resume", ended["threadId"], "by hand", "--skip-git-repo-check"]
        told = await here.command("codex", *words)
        assert told.code == 0, told.err
        assert here.model.asked("by hand") == 1
        again = await client.tool(
            "codex_resume", run_id=ended["runId"], prompt="back again", wait_ms=20_000
        )
        assert again["status"] == "completed"


async def test_a_thread_in_use_elsewhere_is_said_to_be_and_can_be_forked(here: Station) -> None:
    async with here.client() as client:
        ended = await client.wait(await client.run("first"))
        lock = here.home / "thread-writer-locks" / f"{ended['threadId']}.lock"
        await until(lambda: not lock.exists(), "the thread is given back")
        async with AppServer.launch(launch_options(here.home, here.model.base_url)) as other:
            await other.resume_thread(ended["threadId"], ThreadOptions())
            run_id = ended["runId"]
            refused = await client.tool("codex_resume", run_id=run_id, prompt="x", wait_ms=20_000)
            assert refused["status"] == "failed"
            assert f"process {other.pid} writes to it" in refused["reason"]
            assert "work on a fork of it" in refused["reason"]
            forked = await client.tool("codex_fork", run_id=run_id, prompt="y", wait_ms=20_000)
            assert forked["message"] == "done: y"


async def test_the_check_says_what_works(here: Station) -> None:
    async with here.client() as client:
        told = await client.tool("codex_wrapper_check")
    assert told["ok"] is True
    assert told["codexVersion"]
    assert (told["defaultTimeoutMs"], told["waitSoftTimeoutMs"]) == (1_800_000, 240_000)
    assert str(here.home) not in json.dumps(told)


async def test_a_server_without_a_supervisor_works_on_its_own_runs(here: Station) -> None:
    env = {"CODEX_MCP_WRAPPER_APP_SERVER_MODE": "private"}
    release = here.model.hold("second")
    async with here.sidecar(env=env) as client:
        ended = await client.tool("codex_run", prompt="first", wait_ms=20_000)
        assert ended["message"] == "done: first"
        run_id = await client.run("second")
        await here.model.wait_until_asked("second")
        assert not here.supervisor_pids()
        release.set()
        assert (await client.wait(run_id))["message"] == "done: second"
