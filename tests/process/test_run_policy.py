"""What a client with a fixed policy reaches through a supervisor that it shares with freer ones."""

from __future__ import annotations

import pytest

from codexmcp.testing import ShellCall, Text
from tests.support.supervision import RefusedError, Station

READ_ONLY = ("--sandbox", "read-only", "--approval-policy", "never", "--cwd", ".")
BOTH = ("--tools", "codex,runs")


async def test_a_wider_run_is_reached_by_no_key_no_resume_and_no_method(here: Station) -> None:
    async with here.client() as free, here.client(*READ_ONLY) as bound:
        wide = await free.run("wide", permissions="yolo", idempotency_key="k")
        await free.wait(wide)
        for name, arguments in {
            "codex_run": {"prompt": "x", "idempotency_key": "k"},
            "codex_resume": {"run_id": wide, "prompt": "x"},
            "codex_fork": {"run_id": wide, "prompt": "x"},
        }.items():
            with pytest.raises(RefusedError, match="fixed policy"):
                await bound.tool(name, **arguments)
        for method in ("attach", "answer", "interrupt", "stop"):
            with pytest.raises(RefusedError, match="method not found"):
                await bound.ask(f"codexmcp/{method}", runId=wide)
        assert (await bound.status())["activeRuns"] == 0
    assert here.model.asked("x") == 0


async def test_a_run_on_a_thread_that_a_wider_call_has_loaded_has_its_own_sandbox(
    here: Station,
) -> None:
    here.model.on("narrow", ShellCall("touch escaped"), Text("tried"))
    async with here.client(*BOTH) as client:
        wide = await client.wait(await client.run("wide", sandbox="danger-full-access"))
        await client.tool("codex-reply", threadId=wide["threadId"], prompt="and more")
        narrow = {"prompt": "narrow", "sandbox": "read-only", "wait_ms": 20_000}
        tried = await client.tool("codex_resume", run_id=wide["runId"], **narrow)
        assert tried["message"] == "tried"
    assert not (here.project / "escaped").exists()


async def test_a_narrower_run_does_not_start_on_a_thread_that_somebody_looks_at(
    here: Station,
) -> None:
    async with here.client() as client:
        wide = await client.run("wide", sandbox="danger-full-access")
        await client.wait(wide)
        await client.ask("codexmcp/attach", runId=wide)
        narrow = {"prompt": "narrow", "sandbox": "read-only", "wait_ms": 20_000}
        refused = await client.tool("codex_resume", run_id=wide, **narrow)
        assert refused["status"] == "failed"
        assert "somebody is attached" in refused["reason"]
        assert "work on a fork of it" in refused["reason"]
        same = await client.tool("codex_resume", run_id=wide, prompt="as before", wait_ms=20_000)
        assert same["message"] == "done: as before"


async def test_a_reply_to_the_thread_of_a_freer_client_keeps_to_the_policy(here: Station) -> None:
    here.model.on("reply", ShellCall("touch escaped"), Text("tried"))
    here.model.on("again", ShellCall("touch escaped"), Text("tried"))
    async with here.client(*BOTH) as free, here.client(*BOTH, *READ_ONLY) as bound:
        arguments = {"sandbox": "danger-full-access", "cwd": str(here.project)}
        wide = await free.tool("codex", prompt="wide", **arguments)
        for prompt in ("reply", "again"):
            reply = {"threadId": wide["threadId"], "prompt": prompt}
            assert (await bound.tool("codex-reply", **reply))["content"] == "tried"
    assert not (here.project / "escaped").exists()


async def test_a_call_of_codex_works_in_the_folder_of_its_client(here: Station) -> None:
    here.model.on("look", ShellCall("pwd > where"), Text("looked"))
    async with here.client(*BOTH) as client:
        await client.tool("codex", prompt="look", sandbox="workspace-write")
    assert (here.project / "where").read_text() == f"{here.project}\n"
