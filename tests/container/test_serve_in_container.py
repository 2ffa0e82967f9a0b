"""Supervised runs with Codex in a container: what works there, and who is led to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codexmcp.testing import ShellCall, Stall
from tests.support.builds import CHECKOUT
from tests.support.contained_runs import RUNS, ContainedStation, answers_of, contained
from tests.support.containers import KEY, Engine
from tests.support.processes import until
from tests.support.screen import Screen
from tests.support.supervision import RefusedError

COME_IN = """
import socket
way_in = socket.socket(socket.AF_UNIX)
way_in.settimeout(10)
way_in.connect("/run/codexmcp/served/codex.sock")
try:
    way_in.sendall(
        b"GET / HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n"
    )
    print("came", "in" if way_in.recv(99) else "out")
except (BrokenPipeError, ConnectionResetError):
    print("came out")
"""


@pytest.fixture
async def box(engine: Engine, codex_home: Path) -> AsyncIterator[ContainedStation]:
    async with contained(codex_home, engine) as made:
        yield made


async def test_a_run_works_in_the_workspace_and_sees_nothing_else(box: ContainedStation) -> None:
    here = box.here
    (here.home / "auth.json").write_text('{"OPENAI_API_KEY": "sk-not-for-containers"}')
    look = (
        f"echo hello > made; ls {CHECKOUT}; cat {here.home}/auth.json; ls -A /home /root; "
        "cat /proc/net/route; echo looked in $PWD as $HOME"
    )
    here.model.on("look", ShellCall(look))
    # What is hidden is not there, which must not keep the sandbox from working.
    hidden = ("--deny-read", str(here.home / "auth.json"), "--deny-read", "/run/secrets/none/key")
    async with box.client(*hidden) as client:
        assert (await client.wait(await client.run("look")))["status"] == "completed"
    seen = answers_of(here.model.requests[-1])
    assert (here.project / "made").read_text() == "hello\n"
    assert f"looked in {here.project} as /home/codex" in seen
    assert "pyproject.toml" not in seen
    assert "sk-not-for-containers" not in seen
    assert "eth0" not in seen


async def test_the_audit_files_are_written_outside_and_tell_of_the_commands(
    box: ContainedStation,
) -> None:
    box.here.model.on("tell", ShellCall("echo told"))
    async with box.client() as client:
        run_id = await client.run("tell")
        await client.wait(run_id)
    summary = box.here.project / ".codex" / "codex-mcp" / "runs" / f"{run_id}.md"
    assert "echo told" in summary.read_text()
    assert summary.stat().st_mode & 0o777 == 0o600


async def test_the_key_stays_outside(box: ContainedStation) -> None:
    here = box.here
    (here.home / "config.toml").unlink()
    here.env |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": here.model.base_url}
    look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; echo looked"
    here.model.on("look", ShellCall(look))
    words = box.flags()[:-2]
    async with here.client(*words) as client:
        run_id = await client.run("look", sandbox="danger-full-access")
        assert (await client.wait(run_id))["status"] == "completed"
    assert {each.headers.get("authorization") for each in here.model.requests} == {f"Bearer {KEY}"}
    seen = answers_of(here.model.requests[-1])
    assert "looked" in seen
    assert KEY not in seen


async def test_a_codex_home_in_the_workspace_is_not_seen(engine: Engine, folder: Path) -> None:
    (folder / "home").mkdir(mode=0o700)
    async with contained(folder / "home", engine) as box:
        here = box.here
        (here.home / "auth.json").write_text('{"OPENAI_API_KEY": "sk-not-for-containers"}')
        here.model.on("look", ShellCall(f"cat {here.home}/*; ls -A {here.home}; echo looked"))
        async with box.client("--allow-credentials", workspace=folder) as client:
            await client.wait(await client.run("look"))
            seen = answers_of(here.model.requests[-1])
            assert "looked" in seen
            assert "mcp-wrapper" in seen
            assert "config.toml" not in seen
            assert "sk-not-for-containers" not in seen
            # What is kept of the container lies in that home, though.
            await client.wait(await client.run("more"))
        assert box.homes()[0].joinpath("sessions").is_dir()


async def test_runs_stay_in_the_workspace(box: ContainedStation, folder: Path) -> None:
    below = box.here.project / "below"
    below.mkdir()
    (box.here.project / "away").symlink_to(folder)
    async with box.client(cwd=folder) as client:
        for outside in ("/etc", str(folder), f"{box.here.project}/away", f"{below}/../.."):
            with pytest.raises(RefusedError, match="sees only its --workspace"):
                await client.run("go", cwd=outside)
        with pytest.raises(RefusedError, match="is outside of"):
            await client.run("go", images=["/etc/hostname"])
        box.here.model.on("below", ShellCall("pwd"))
        await client.wait(await client.run("below", cwd=str(below)))
        assert str(below) in answers_of(box.here.model.requests[-1])
        # A client that is elsewhere and names no folder works in the workspace.
        box.here.model.on("anywhere", ShellCall("echo at $PWD."))
        await client.wait(await client.run("anywhere"))
        assert f"at {box.here.project}." in answers_of(box.here.model.requests[-1])


async def test_a_command_in_the_container_cannot_drive_codex_by_the_way_in(
    box: ContainedStation,
) -> None:
    (box.here.project / "come_in.py").write_text(COME_IN)
    box.here.model.on("come in", ShellCall("python3 come_in.py"))
    async with box.client() as client:
        run_id = await client.run("come in", sandbox="danger-full-access")
        assert (await client.wait(run_id))["status"] == "completed"
    assert "came out" in answers_of(box.here.model.requests[-1])


async def test_a_client_without_the_container_gets_another_supervisor(
    box: ContainedStation,
) -> None:
    async with box.client() as client, box.here.client() as other:
        inside, outside = await client.status(), await other.status()
        assert inside["pid"] != outside["pid"]
        run_id = await client.run("inside")
        await client.wait(run_id)
        with pytest.raises(RefusedError, match="server with --in-container"):
            await other.tool("codex_resume", run_id=run_id, prompt="go on")
        far_id = await other.run("outside")
        await other.wait(far_id)
        with pytest.raises(RefusedError, match="server without --in-container"):
            await client.tool("codex_fork", run_id=far_id, prompt="go on")


async def test_the_terminal_finds_the_runs_by_the_same_options(box: ContainedStation) -> None:
    started = await box.runs("start", "hello", "--wait")
    assert (started.code, started.out.strip()) == (0, "done: hello")
    listed = await box.runs("list", "--json", contained=False)
    run_id = json.loads(listed.out)["runs"][0]["runId"]
    without = await box.runs("resume", run_id, "more", contained=False)
    assert without.code != 0
    assert "kept for a container" in without.err
    assert "--in-container" in without.err
    resumed = await box.runs("resume", run_id, "more", "--wait")
    assert (resumed.code, resumed.out.strip()) == (0, "done: more")
    assert "hello" in json.dumps(box.here.model.requests[-1].body["input"])


async def test_attaching_shows_the_thread_in_the_container(box: ContainedStation) -> None:
    release = box.here.model.hold("a slow question")
    async with box.client() as client:
        run_id = await client.run("a slow question")
        await box.here.model.wait_until_asked("a slow question")
        attach = [*RUNS, "attach", run_id]
        async with Screen.run(attach, box.here.env, box.here.project) as screen:
            await screen.shows("a slow question", "Ask Codex to do anything")
            screen.type("\x04")  # Ctrl-D
            assert await screen.exit_code() == 0
        release.set()
        assert (await client.wait(run_id))["message"] == "done: a slow question"


async def test_the_tools_codex_and_codex_reply_work_beside_runs(box: ContainedStation) -> None:
    async with box.client("--tools", "codex,runs") as client:
        run_id = await client.run("a run")
        first = await client.ask("tools/call", name="codex", arguments={"prompt": "a call"})
        assert first["content"][0]["text"] == "done: a call"
        thread_id = first["structuredContent"]["threadId"]
        second = {"threadId": thread_id, "prompt": "a further call"}
        reply = await client.ask("tools/call", name="codex-reply", arguments=second)
        assert reply["content"][0]["text"] == "done: a further call"
        await client.wait(run_id)
        assert len(await box.boxes()) == 1


async def test_a_supervisor_in_the_foreground_is_found_and_stopped(box: ContainedStation) -> None:
    words = box.flags()
    async with box.here.supervisor(*words) as process:
        started = await box.runs("start", "hello", "--wait")
        assert (started.code, started.out.strip()) == (0, "done: hello")
        status = await box.here.command("serve", "--status", "--json", *words)
        assert json.loads(status.out)["pid"] == process.pid
        plain = await box.here.command("serve", "--status", "--json")
        assert [each["pid"] for each in json.loads(plain.out)["supervisors"]] == [process.pid]
        assert (await box.here.command("serve", "--status", "--only", "mine")).code == 3
        assert (await box.here.command("serve", "--stop", *words)).code == 0
        assert await process.wait() == 0
    assert await box.boxes() == set()


async def test_an_idle_supervisor_ends_with_its_container(box: ContainedStation) -> None:
    async with box.here.supervisor(*box.flags(), "--idle-exit", "2") as process:
        async with box.client() as client:
            await client.wait(await client.run("hello"))
            assert await box.boxes()
        assert await process.wait() == 0
    assert await box.boxes() == set()


async def test_a_server_that_keeps_its_runs_to_itself_keeps_their_conversations(
    box: ContainedStation,
) -> None:
    async with box.private_client() as client:
        run_id = await client.run("hello")
        await client.wait(run_id)
    await box.emptied()
    resumed = await box.runs("resume", run_id, "more", "--wait")
    assert (resumed.code, resumed.out.strip()) == (0, "done: more")


async def test_interrupting_a_run_ends_its_commands(box: ContainedStation) -> None:
    box.here.model.on("long", ShellCall("touch started; sleep 600; true"), Stall())
    async with box.client() as client:
        run_id = await client.run("long")
        await until((box.here.project / "started").exists, "the command runs")
        ended = await client.tool("codex_interrupt", run_id=run_id)
        assert ended["status"] == "interrupted"
        top = await box.engine.call("top", await box.box(), "-eo", "pid,args")
        assert "sleep 600" not in top.out
        assert (await client.wait(await client.run("next")))["message"] == "done: next"
