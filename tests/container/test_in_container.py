"""`codexmcp mcp-server --in-container`: what Codex sees there, and that no container is left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codexmcp.codex.container.running import this_owner
from codexmcp.testing import ScriptedModel, ShellCall, Stall, Text
from tests.conformance.client import Client
from tests.support.builds import CHECKOUT
from tests.support.containers import IMAGE, KEY, Engine
from tests.support.mcp_server import call, environment, mcp_server, result_of, start_call, text_of
from tests.support.processes import command_line, processes_of, until

GONE_S = 30.0
WRITING = ("--sandbox", "workspace-write")
ABANDONED = "codexmcp-box-{owner}-1"


def flags(engine: Engine, *more: str, image: str = IMAGE) -> list[str]:
    kind = "podman" if engine.is_podman else "docker"
    return ["--in-container", image, "--container-engine", kind, *more]


@asynccontextmanager
async def serving(
    engine: Engine,
    home: Path,
    workspace: Path,
    model: ScriptedModel,
    *more: str,
    image: str = IMAGE,
) -> AsyncIterator[Client]:
    """Run the server with Codex in a container; after the block there is none of its home."""
    env = environment(
        home,
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=model.base_url,
        PATH=f"{Path(engine.program).parent}{os.pathsep}{os.environ['PATH']}",
    )
    async with mcp_server(home, workspace, *flags(engine, *more, image=image), env=env) as client:
        yield client


async def containers(engine: Engine, owner: str = "") -> set[str]:
    """Return the containers there are, whatever their state."""
    shown = "--filter=name=codexmcp-box-" + owner
    return set((await engine.call("ps", "--all", shown, "--format={{.Names}}")).out.split())


async def all_gone(engine: Engine, names: set[str]) -> None:
    async with asyncio.timeout(GONE_S):
        while names & await containers(engine):  # noqa: ASYNC110 - it is another process's state
            await asyncio.sleep(0.1)


async def running_command(
    engine: Engine, client: Client, workspace: Path, before: set[str]
) -> set[str]:
    """Have Codex run a command that does not end; return the container."""
    await start_call(client, 1, prompt="go on")
    await until((workspace / "started").exists, "the command runs")
    mine = await containers(engine) - before
    assert mine
    return mine


def commands(workspace: Path) -> Sequence[ShellCall | Stall]:
    return [ShellCall("touch started; sleep 600; true"), Stall()]


@pytest.mark.parametrize("sandbox", ["workspace-write", "danger-full-access"])
async def test_codex_sees_the_workspace_and_nothing_else(
    engine: Engine, codex_home: Path, folder: Path, sandbox: str
) -> None:
    look = (
        f"echo hello > made; ls {CHECKOUT}; ls {codex_home}; ls -A /home /root /mnt; "
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; "
        "cat /proc/net/route; echo looked in $PWD"
    )
    (codex_home / "config.toml").touch()
    async with ScriptedModel([ShellCall(look), Text("done")]) as model:
        async with serving(engine, codex_home, folder, model, "--sandbox", sandbox) as client:
            assert text_of(await call(client, 1, prompt="look")) == "done"
        asked = [request.headers.get("authorization") for request in model.requests]
        assert set(asked) == {f"Bearer {KEY}"}
        seen = str(model.requests[-1].body["input"][-1])
    made = folder / "made"
    assert (made.read_text(), made.stat().st_uid) == ("hello\n", os.getuid())
    assert f"looked in {folder}" in seen
    assert "pyproject.toml" not in seen
    assert "config.toml" not in seen
    assert KEY not in seen
    assert "eth0" not in seen


async def test_a_thread_goes_on_in_its_container(
    engine: Engine, codex_home: Path, folder: Path
) -> None:
    async with (
        ScriptedModel([Text("one"), Text("two")]) as model,
        serving(engine, codex_home, folder, model) as client,
    ):
        first = await call(client, 1, prompt="a")
        thread_id = first["structuredContent"]["threadId"]
        second = await call(client, 2, "codex-reply", threadId=thread_id, prompt="b")
        assert text_of(second) == "two"


async def test_calls_stay_in_the_workspace(engine: Engine, codex_home: Path, folder: Path) -> None:
    async with (
        ScriptedModel([]) as model,
        serving(engine, codex_home, folder, model) as client,
    ):
        refused = await call(client, 1, prompt="a", cwd="/etc")
        assert refused["isError"]
        assert "cwd" in text_of(refused)


async def test_an_image_that_is_not_there_is_told(
    engine: Engine, codex_home: Path, folder: Path
) -> None:
    async with (
        ScriptedModel([]) as model,
        serving(engine, codex_home, folder, model, image="codexmcp-none:1") as client,
    ):
        failed = await call(client, 1, prompt="a")
        assert failed["isError"]
        assert "codexmcp-none:1" in text_of(failed)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_server_that_is_ended_leaves_no_container(
    engine: Engine, codex_home: Path, folder: Path, number: signal.Signals
) -> None:
    before = await containers(engine)
    async with ScriptedModel(commands(folder)) as model:
        async with serving(engine, codex_home, folder, model, *WRITING) as client:
            mine = await running_command(engine, client, folder, before)
            client.signal(number)
            await client.wait_exit()
        await all_gone(engine, mine)


async def test_a_kill_of_the_server_and_of_the_engines_client_leaves_no_container(
    engine: Engine, codex_home: Path, folder: Path
) -> None:
    before = await containers(engine)
    async with ScriptedModel(commands(folder)) as model:
        async with serving(engine, codex_home, folder, model, *WRITING) as client:
            mine = await running_command(engine, client, folder, before)
            for pid in processes_of(codex_home):
                if "codexmcp-box-" in command_line(pid):
                    os.kill(pid, signal.SIGSTOP)
                    os.kill(pid, signal.SIGKILL)
            client.signal(signal.SIGKILL)
            await client.wait_exit()
        await all_gone(engine, mine)


async def test_after_its_container_was_killed_the_next_call_gets_a_new_one(
    engine: Engine, codex_home: Path, folder: Path
) -> None:
    before = await containers(engine)
    async with ScriptedModel([*commands(folder)[:1], Text("again")]) as model:
        async with serving(engine, codex_home, folder, model, *WRITING) as client:
            mine = await running_command(engine, client, folder, before)
            await engine.call("kill", *mine)
            assert (await result_of(client, 1))["isError"]
            assert text_of(await call(client, 2, prompt="go on")) == "again"
        await all_gone(engine, await containers(engine) - before)


async def test_what_a_dead_owner_left_behind_goes_when_the_next_one_starts(
    engine: Engine, codex_home: Path, folder: Path
) -> None:
    boot, namespace, _, _ = this_owner().split("-")
    # No process has this id with this start; the other one is alive: it is this test.
    dead = ABANDONED.format(owner=f"{boot}-{namespace}-{os.getpid()}-1")
    alive = ABANDONED.format(owner=this_owner())
    try:
        for name in (dead, alive):
            assert (await engine.call("create", f"--name={name}", IMAGE, "true")).code == 0
        async with (
            ScriptedModel([Text("done")]) as model,
            serving(engine, codex_home, folder, model) as client,
        ):
            assert text_of(await call(client, 1, prompt="a")) == "done"
            left = await containers(engine)
        assert alive in left
        assert dead not in left
    finally:
        await engine.call("rm", "--force", dead, alive)


async def test_a_temporary_folder_with_too_long_a_path_is_told(
    engine: Engine, codex_home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = folder / ("x" * 80)
    long.mkdir()
    async with ScriptedModel([]) as model:
        monkeypatch.setenv("TMPDIR", str(long))
        async with serving(engine, codex_home, folder, model) as client:
            failed = await call(client, 1, prompt="a")
        assert failed["isError"]
        assert "set TMPDIR to a writable folder with a short path" in text_of(failed)
        assert list(long.iterdir()) == []
