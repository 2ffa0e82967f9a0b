"""What breaks around runs: the disk, the clock, the network, the project, the store, its files."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from codexmcp.testing import ScriptedModel, Text, unreachable_base_url
from tests.support.faulty_supervisor import CLOCK, FULL, PROGRAM
from tests.support.mcp_server import write_config
from tests.support.processes import until
from tests.support.supervision import RefusedError, Station, kill

DAY_S = 86_400.0


async def test_a_full_disk_refuses_a_start_and_leaves_no_run_without_record(
    here: Station,
) -> None:
    async with here.client() as client:
        assert (await client.tool("codex_run", prompt="before", wait_ms=20_000))["message"]
        with disk_full((await client.status())["pid"]):
            with pytest.raises(RefusedError, match="cannot write the audit files of runs"):
                await client.run("first")
            assert len((await client.tool("codex_runs"))["runs"]) == 1
        after = await client.tool("codex_run", prompt="second", wait_ms=20_000)

    assert after["message"] == "done: second"
    assert here.model.prompts == ["before", "second"]


async def test_nothing_is_sent_before_the_store_has_recorded_it(here: Station) -> None:
    full = here.runtime / "full"
    full.touch()
    program = [*PROGRAM, "serve"]
    async with here.supervisor(program=program, env={FULL: str(full)}) as supervisor:
        async with here.client() as client:
            run_id = await client.run("first")
            refusal = f"run {run_id} cannot be stored as running yet"
            await until(lambda: refusal in here.log, "a try to record the run")
        # Killed now, it must not be taken for a run that has worked already.
        kill(supervisor.pid)
        await supervisor.wait()
    assert here.model.prompts == []

    async with here.supervisor(program=program, env={FULL: str(full)}), here.client() as client:
        await until(lambda: here.log.count(refusal) > 1, "another try")
        assert here.model.prompts == []
        full.unlink()
        told = await client.wait(run_id)

    assert told["status"] == "completed"
    assert here.model.prompts == ["first"]


async def test_a_run_ends_on_a_full_disk_and_its_ending_is_recorded_when_there_is_space(
    here: Station,
) -> None:
    release = here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first")
        await here.model.wait_until_asked("first")
        with disk_full((await client.status())["pid"]):
            release.set()
            await client.until_step(run_id, "says: done: first")
            assert (await client.look(run_id))["status"] == "still_running"
        told = await client.wait(run_id)

    assert told["status"] == "completed"
    assert told["message"] == "done: first"
    summary = (here.project / f".codex/codex-mcp/runs/{run_id}.md").read_text()
    assert "done: first" in summary


async def test_a_project_that_cannot_be_written_to_is_refused_with_the_remedy(
    here: Station,
) -> None:
    if os.geteuid() == 0:
        # Root may write anywhere, but not into what is no folder.
        (here.project / ".codex").write_text("")
    else:
        here.project.chmod(0o500)
    async with here.client() as client:
        with pytest.raises(RefusedError) as refused:
            await client.run("first")
        assert (await client.tool("codex_runs"))["runs"] == []
        elsewhere = here.home / "elsewhere"
        setting = {"CODEX_MCP_WRAPPER_RUN_DIR": str(elsewhere)}
        async with here.client(env=setting) as other:
            told = await other.tool("codex_run", prompt="second", wait_ms=20_000)

    assert "name another folder by CODEX_MCP_WRAPPER_RUN_DIR" in str(refused.value)
    assert told["message"] == "done: second"
    assert (elsewhere / f"{told['runId']}.md").exists()


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S], ids=["forward", "back"])
async def test_a_jump_of_the_clock_fires_no_timeout_and_stops_no_run(
    here: Station, jump_s: float
) -> None:
    clock = here.runtime / "clock"
    clock.write_text("0")
    release = here.model.hold("first")
    serving = here.supervisor(program=[*PROGRAM, "serve"], env={CLOCK: str(clock)})
    async with serving, here.client("--idle-timeout", "60") as client:
        run_id = await client.run("first", timeout_ms=60_000)
        delayed = await client.run("delayed", delay_ms=3_600_000)
        await here.model.wait_until_asked("first")
        clock.write_text(str(jump_s))
        # Either way an hour has passed, or nobody knows how much: a delayed run must not wait on.
        assert (await client.wait(delayed))["status"] == "completed"
        assert (await client.look(run_id))["status"] == "still_running"
        release.set()
        told = await client.wait(run_id)
        after = await client.tool("codex_run", prompt="second", wait_ms=20_000)

    assert told["status"] == "completed"
    assert after["message"] == "done: second"


async def test_a_run_outlasts_an_outage_of_the_network_and_says_what_it_waits_for(
    here: Station,
) -> None:
    # Codex waits without end as long as nobody sets `features.unbounded_connection_retries` to
    # false: with that its five tries are used up after 26 s (0.153.4, 0.163.0 and 0.169.0).
    away = unreachable_base_url()
    write_config(here.home, away)
    async with here.client() as client:
        run_id = await client.run("patient")
        await client.until_step(run_id, "Reconnecting... waiting for network")
        async with ScriptedModel([Text("back again")], port=urlsplit(away).port or 0):
            done = await client.wait(run_id)
    assert (done["status"], done["message"]) == ("completed", "back again")


def behind_the_proxy(base_url: str, retries: int) -> dict[str, str]:
    """Return what leads Codex to an endpoint through the key proxy."""
    key = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": base_url}
    return {**key, "CODEXMCP_REQUEST_RETRIES": str(retries)}


async def test_a_run_behind_the_key_proxy_outlasts_an_outage_and_says_why_it_waits(
    here: Station,
) -> None:
    (here.home / "config.toml").unlink()
    away = unreachable_base_url()
    # Three rounds of 6 s each; the default of 7 makes them 25 s.
    async with here.client(env=behind_the_proxy(away, retries=5)) as client:
        run_id = await client.run("patient")
        why = f"cannot reach {away}: Connection refused; check OPENAI_BASE_URL and the network"
        await client.until_step(run_id, f"Reconnecting... 1/2 (the key proxy: {why})")
        async with ScriptedModel([Text("back again")], port=urlsplit(away).port or 0):
            done = await client.wait(run_id)
    assert (done["status"], done["message"]) == ("completed", "back again")


async def test_a_dead_endpoint_behind_the_key_proxy_ends_a_run_that_can_be_resumed(
    here: Station,
) -> None:
    (here.home / "config.toml").unlink()
    away = unreachable_base_url()
    async with here.client(env=behind_the_proxy(away, retries=1)) as client:
        run_id = await client.run("first")
        told = await client.wait(run_id)
        async with ScriptedModel([Text("back again")], port=urlsplit(away).port or 0):
            resumed = await client.tool(
                "codex_resume", run_id=run_id, prompt="go on", wait_ms=20_000
            )
    assert told["status"] == "failed"
    assert f"502 Bad Gateway: cannot reach {away}: Connection refused" in told["reason"]
    assert f"url: {away}/responses" in told["reason"]
    assert resumed["message"] == "back again"


async def test_a_run_survives_the_deletion_of_its_project(here: Station) -> None:
    gone = here.project / "gone"
    gone.mkdir()
    release = here.model.hold("first")
    async with here.client() as client:
        run_id = await client.run("first", cwd=str(gone))
        await here.model.wait_until_asked("first")
        shutil.rmtree(gone)
        release.set()
        told = await client.wait(run_id)
        with pytest.raises(RefusedError, match="is not a folder; create it or name another"):
            await client.tool("codex_resume", run_id=run_id, prompt="more")
        resumed = await client.tool(
            "codex_resume", run_id=run_id, prompt="more", cwd=str(here.project), wait_ms=20_000
        )

    assert told["status"] == "completed"
    assert told["message"] == "done: first"
    assert not gone.exists()
    assert resumed["message"] == "done: more"


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 500], ids=["truncated", "corrupt"])
async def test_a_damaged_store_stops_the_start_and_the_error_names_the_remedy(
    here: Station, damage: bytes
) -> None:
    async with here.client() as client:
        run_id = await client.run("first")
        await client.wait(run_id)
        kill((await client.status())["pid"], signal.SIGTERM)
    await here.emptied()
    store = here.home / "mcp-wrapper" / "runs.sqlite3"
    size_bytes = store.stat().st_size
    store.write_bytes(damage or store.read_bytes()[: size_bytes // 2])

    ended = await here.command("serve")

    assert ended.code != 0
    assert "codexmcp runs reindex" in ended.err
    assert "Traceback" not in ended.err
    relayed = await here.command("mcp-server", "--shared")
    assert "codexmcp runs reindex" in relayed.err

    rebuilt = await here.command("runs", "reindex")
    assert rebuilt.code == 0, rebuilt.err
    async with here.client() as client:
        assert (await client.wait(run_id))["message"] == "done: first"
        resumed = await client.tool("codex_resume", run_id=run_id, prompt="more", wait_ms=20_000)
    assert resumed["message"] == "done: more"


async def test_damaged_audit_files_stop_neither_starts_nor_runs(here: Station) -> None:
    async with here.client() as client:
        first = await client.tool("codex_run", prompt="first", wait_ms=20_000)
        folder = here.project / ".codex/codex-mcp/runs"
        for index in (folder / "index.jsonl", here.home / "mcp-wrapper/runs.index.jsonl"):
            torn = index.read_bytes()[:-20]
            index.write_bytes(b"\x00\xff{{{\n" + torn)
        (folder / f"{first['runId']}.jsonl").write_bytes(b"{")
        second = await client.tool("codex_run", prompt="second", wait_ms=20_000)
        resumed = await client.tool(
            "codex_resume", run_id=first["runId"], prompt="third", wait_ms=20_000
        )

    assert second["message"] == "done: second"
    assert resumed["message"] == "done: third"


@contextlib.contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """Let no file of a process grow while the block runs, which is what a full disk does."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
