"""A conversation that goes on can still write what it could before, and nothing more.

Real Codex, real sandbox, real writes. The whole table of doors and settings is in
`tests/unit/server/test_resumed_threads.py`; here is one cell of each kind.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.settings import SANDBOX_MODES
from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.conformance.client import Client
from tests.support.mcp_server import call, configure, mcp_server, text_of, thread_of
from tests.support.programs import Project
from tests.support.supervision import Station

BOTH = ("--tools", "codex,runs")


def trust(home: Path, project: Path) -> None:
    """Have a home trust a project, as Codex writes it."""
    with (home / "config.toml").open("a") as file:
        file.write(f'[projects."{project}"]\ntrust_level = "trusted"\n')


def snapshots(home: Path) -> list[Path]:
    """Return the files in which Codex keeps the environment of a shell."""
    return [*home.glob("shell_snapshots/*")]


async def test_a_program_goes_on_as_it_did_or_as_it_is_told(project: Project, program: str) -> None:
    config = (project.home / "config.toml").read_bytes()
    rehearse = (program, "--rehearse", "--json")
    first = await project.run(*rehearse, "--sandbox", "read-only", "run `true`")
    thread = ("--resume", first.result["threadId"])
    await project.run(*rehearse, *thread, "--sandbox", "workspace-write", "run `touch second`")
    assert (project.output / "second").exists()
    await project.run(*rehearse, *thread, "run `touch third`")
    assert (project.output / "third").exists()
    assert (project.home / "config.toml").read_bytes() == config
    assert not snapshots(project.home)


@pytest.fixture
def place(codex_home: Path) -> Iterator[Path]:
    """A folder with the folder `work`, where threads work, outside of what any mode may write."""
    folder = codex_home.with_name(f"{codex_home.name}-place")
    (folder / "work").mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


MAY_WRITE = {
    "read-only": set[str](),
    "workspace-write": {"work/in"},
    "danger-full-access": {"work/in", "out"},
}
WRITE_BOTH = "touch in; touch ../out"


def written(place: Path) -> set[str]:
    """Return the files that a command has made."""
    return {name for name in ("work/in", "out") if (place / name).exists()}


@pytest.mark.parametrize(
    ("mode", "fixed", "is_trusted"),
    [
        ("workspace-write", None, False),
        ("workspace-write", "workspace-write", True),
        ("workspace-write", "read-only", True),
        ("danger-full-access", None, False),
        # A project that the home trusts has a writable sandbox by default.
        ("read-only", None, True),
    ],
)
async def test_a_reply_to_a_new_server_writes_as_the_thread_did(
    codex_home: Path, place: Path, mode: str, fixed: str | None, *, is_trusted: bool
) -> None:
    work = place / "work"
    flags = () if fixed is None else ("--sandbox", fixed, "--approval-policy", "never")
    async with ScriptedModel([Text("hello"), ShellCall(WRITE_BOTH), Text("done")]) as model:
        configure(codex_home, model)
        if is_trusted:
            trust(codex_home, work)
        config = (codex_home / "config.toml").read_bytes()
        async with mcp_server(codex_home, work) as client:
            asked = {"sandbox": mode, "approval_policy": "never", "cwd": str(work)}
            made = await call(client, 1, prompt="x", **asked)
        async with mcp_server(codex_home, work, *flags) as client:
            await call(client, 1, "codex-reply", prompt="y", threadId=thread_of(made))
    assert written(place) == MAY_WRITE[min(mode, fixed or mode, key=SANDBOX_MODES.index)]
    assert (codex_home / "config.toml").read_bytes() == config
    assert not snapshots(codex_home)


@pytest.mark.parametrize("is_new_server", [False, True])
async def test_a_reply_may_be_given_another_sandbox_within_the_fixed_one(
    codex_home: Path, place: Path, *, is_new_server: bool
) -> None:
    async def go_on(client: Client, thread: str) -> None:
        reply = {"name": "codex-reply", "prompt": "y", "threadId": thread}
        refused = await call(client, 2, **reply, sandbox="danger-full-access")
        assert "--sandbox workspace-write" in text_of(refused)
        await call(client, 3, **reply, sandbox="workspace-write")
        assert written(place) == {"work/in"}
        # It stays.
        await call(client, 4, **reply)
        assert written(place) == set()

    flags = ("--sandbox", "workspace-write", "--approval-policy", "never")
    first, second = ShellCall(WRITE_BOTH), ShellCall("rm in")
    async with ScriptedModel([Text("hello"), first, Text("done"), second, Text("done")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, place / "work", *flags) as client:
            made = await call(client, 1, prompt="x", sandbox="read-only")
            if not is_new_server:
                await go_on(client, thread_of(made))
        if is_new_server:
            async with mcp_server(codex_home, place / "work", *flags) as client:
                await go_on(client, thread_of(made))


@pytest.mark.parametrize("how", ["another client", "a new supervisor", "after kill -9"])
async def test_calls_and_runs_go_on_with_what_they_could_write(here: Station, how: str) -> None:
    doors = ("reply", "resume", "fork", "command")
    for door in doors:
        here.model.on(door, ShellCall(f"touch {door}; touch {here.home}/out; true"), Text("done"))
    async with here.client(*BOTH) as client:
        asked = {"sandbox": "workspace-write", "approval-policy": "never"}
        made = await client.tool("codex", prompt="begin", **asked)
        run_id = await client.run("begin a run")
        await client.wait(run_id)
        pid = (await client.status())["pid"]
        if how == "after kill -9":
            await here.killed(pid)
    if how == "a new supervisor":
        assert (await here.command("serve", "--stop")).code == 0
    async with here.client(*BOTH, env={"LANG": "C.UTF-8"}) as client:
        await client.tool("codex-reply", threadId=made["threadId"], prompt="reply")
        for tool, door in (("codex_fork", "fork"), ("codex_resume", "resume")):
            arguments = {"run_id": run_id, "prompt": door, "wait_ms": 20_000}
            assert (await client.tool(tool, **arguments))["status"] == "completed"
        by_hand = await here.command("runs", "resume", run_id, "command", "--wait")
        assert by_hand.code == 0, by_hand.err
    assert {door for door in doors if (here.project / door).exists()} == set(doors)
    assert not (here.home / "out").exists()
    assert not snapshots(here.home)
