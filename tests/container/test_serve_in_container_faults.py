"""Supervised runs in a container: whatever dies, no run is lost and no container is left."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codexmcp.testing import ShellCall, Stall
from tests.support.contained_runs import ContainedStation, contained
from tests.support.containers import Engine
from tests.support.index_claim import FILE, claim
from tests.support.index_claim import state_of as state_of_index
from tests.support.processes import until
from tests.support.supervision import FOUND_S, RefusedError, RunClient, kill

LONG = ShellCall("touch started; sleep 600; true")


@pytest.fixture
async def box(engine: Engine, codex_home: Path) -> AsyncIterator[ContainedStation]:
    async with contained(codex_home, engine) as made:
        yield made


async def running_command(box: ContainedStation, client: RunClient) -> str:
    """Start a run whose command does not end; return its id once the command runs."""
    box.here.model.on("long", LONG, Stall())
    run_id = await client.run("long")
    await until((box.here.project / "started").exists, "the command runs")
    return run_id


async def goes_on(box: ContainedStation, client: RunClient, run_id: str) -> None:
    """See that a run can be resumed, with what its conversation knew."""
    resumed = await client.tool("codex_resume", run_id=run_id, prompt="go on")
    assert (await client.wait(resumed["runId"]))["message"] == "done: go on"
    assert "touch started" in str(box.here.model.requests[-1].body["input"])


async def test_after_a_kill_of_the_supervisor_the_run_is_found_and_goes_on_in_a_new_container(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        run_id = await running_command(box, client)
        first = await box.box()
        (supervisor,) = box.here.supervisor_pids()
        await box.here.killed(supervisor)
    async with box.client() as client:
        found = await client.wait(run_id, FOUND_S)
        assert found["status"] == "lost"
        assert "can be resumed" in found["reason"]
        second = await box.box()
        assert second != first
        await goes_on(box, client, run_id)
    assert box.here.model.asked("long") == 1


async def test_a_run_starts_though_codex_was_killed_in_a_container_while_it_indexed(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        await client.wait(await client.run("hello"))
        (supervisor,) = box.here.supervisor_pids()
        await box.here.killed(supervisor)
    await until(lambda: not box.here.processes(), "the container's client is gone")
    (index,) = box.here.home.glob(f"mcp-wrapper/container-homes/*/{FILE}")
    claim(index)
    async with box.client() as client:
        assert (await client.wait(await client.run("again")))["message"] == "done: again"
    assert state_of_index(index)[0] == "complete"


async def test_a_turn_that_ended_unseen_is_settled_in_a_container_and_nowhere_else(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        run_id = await client.run("hello")
        await client.wait(run_id)
        (supervisor,) = box.here.supervisor_pids()
        await box.here.killed(supervisor)
    forget_the_ending(box.here.home / "mcp-wrapper" / "runs.sqlite3", run_id)
    async with box.here.client() as other:
        # Whoever died is settled before a run is begun.
        await other.wait(await other.run("elsewhere"))
        assert state_of(box.here.home / "mcp-wrapper" / "runs.sqlite3", run_id) == "running"
    async with box.client() as client:
        assert (await client.wait(run_id))["message"] == "done: hello"
    assert box.here.model.asked("hello") == 1


def forget_the_ending(store: Path, run_id: str) -> None:
    """Have a run stand as when its supervisor had died before it could record the ending."""
    change = "UPDATE runs SET state = 'running', ended_at = NULL, owner = (SELECT id FROM keepers)"
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        assert connection.execute(f"{change} WHERE id = ?", (run_id,)).rowcount == 1
        message = "UPDATE texts SET message = '' WHERE sequence = (SELECT MAX(sequence) FROM runs)"
        connection.execute(message)


def state_of(store: Path, run_id: str) -> str:
    """Return the state that a run has on record."""
    with contextlib.closing(sqlite3.connect(store)) as connection:
        asked = connection.execute("SELECT state FROM runs WHERE id = ?", (run_id,))
        return str(asked.fetchone()[0])


async def test_after_a_kill_of_its_container_a_run_ends_and_the_next_gets_a_new_one(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        run_id = await running_command(box, client)
        first = await box.box()
        assert (await box.engine.call("kill", first)).code == 0
        assert (await client.wait(run_id))["status"] == "lost"
        await goes_on(box, client, run_id)
        assert await box.box() != first


async def test_after_a_kill_of_the_engines_client_there_is_one_container_and_no_run_is_lost(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        run_id = await running_command(box, client)
        first = await box.box()
        for pid in box.here.matching("run --interactive"):
            kill(pid)
        assert (await client.wait(run_id))["status"] == "lost"
        await goes_on(box, client, run_id)
        assert await box.box() != first


async def test_a_kill_of_the_supervisor_and_of_the_engines_client_leaves_no_container(
    box: ContainedStation,
) -> None:
    async with box.client() as client:
        await running_command(box, client)
        # Before it starts another client of the engine, which is a copy of it for a moment.
        (supervisor,) = box.here.supervisor_pids()
        for pid in box.here.matching("run --interactive"):
            os.kill(pid, signal.SIGSTOP)
            kill(pid)
        await box.here.killed(supervisor)
    await box.emptied()


async def test_an_image_that_is_not_there_is_told_by_the_run(box: ContainedStation) -> None:
    async with box.client(image="codexmcp-none:1") as client:
        ended = await client.wait(await client.run("hello"))
        assert ended["status"] == "failed"
        assert "codexmcp-none:1" in ended["reason"]
        assert "CODEX_BIN" not in ended["reason"]


async def test_an_engine_that_is_gone_is_told_by_the_run(
    box: ContainedStation, tmp_path: Path
) -> None:
    away = f"unix://{tmp_path}/none.sock"
    box.here.env |= {"DOCKER_HOST": away, "CONTAINER_HOST": away}
    async with box.client() as client:
        ended = await client.wait(await client.run("hello"))
        assert ended["status"] == "failed"
        assert "none.sock" in ended["reason"], ended


async def test_a_workspace_that_was_deleted_is_told_by_the_run(
    box: ContainedStation, folder: Path
) -> None:
    workspace = folder / "gone"
    workspace.mkdir()
    async with box.client(workspace=workspace, cwd=workspace) as client:
        await client.wait(await client.run("hello"))
        await box.engine.call("kill", *await seeing(box, workspace))
        (workspace / ".codex").rename(folder / "codex")
        workspace.rmdir()
        with pytest.raises(RefusedError, match="gone"):
            await client.run("again")


async def seeing(box: ContainedStation, folder: Path) -> list[str]:
    """Return the containers that see a folder."""
    asked = await box.engine.call("ps", f"--filter=volume={folder}", "--format={{.Names}}")
    return asked.out.split()
