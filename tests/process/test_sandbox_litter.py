"""The sandbox's mount points do not stay in a project, however a server or its Codex ends."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from codexmcp.testing import Script, ScriptedModel, ShellCall, Spawn, Text, WaitForAgents
from tests.support.builds import codex_build, pinned_codex
from tests.support.mcp_server import configure, environment, mcp_server, start_call
from tests.support.processes import processes_of, until
from tests.support.supervision import Station, kill

COMMAND = "sleep 0.5; touch begun; sleep 300"
"""Begun when the sandbox is whole: a helper that is killed while it starts tidies nothing."""

BUILDS = ["0.153.4", "pinned"]


class Ground:
    """A project with an empty folder of its user, and a folder for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.temporary = folder / "temporary"
        for path in (self.project / ".codex", self.temporary):
            path.mkdir(parents=True)

    @property
    def has_begun(self) -> bool:
        """Whether the command runs; by then the mount points are there."""
        return (self.project / "begun").exists()

    def left(self) -> list[str]:
        """Return what is there beside what belongs there."""
        found = [*self.project.iterdir(), *self.temporary.glob(".*")]
        return sorted(path.name for path in found if path.name != "begun")


def codex_of(build: str) -> Path:
    return pinned_codex() if build == "pinned" else codex_build(build)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("way", ["end of stdin", "SIGTERM", "SIGKILL", "SIGKILL of Codex"])
async def test_a_server_that_ends_during_a_command_leaves_the_project_as_it_was(
    codex_home: Path, tmp_path: Path, build: str, way: str
) -> None:
    ground = Ground(tmp_path)
    env = environment(codex_home, TMPDIR=str(ground.temporary), CODEX_BIN=str(codex_of(build)))
    async with ScriptedModel([ShellCall(COMMAND)]) as model:
        configure(codex_home, model)
        server = mcp_server(codex_home, ground.project, "--drain-timeout", "0", env=env)
        async with server as client:
            await start_call(client, 1, prompt="x", sandbox="workspace-write")
            await until(lambda: ground.has_begun, "the command")
            assert ground.left() != [".codex"]
            match way:
                case "SIGTERM":
                    client.signal(signal.SIGTERM)
                case "SIGKILL":
                    client.signal(signal.SIGKILL)
                case "SIGKILL of Codex":
                    for pid, line in processes_of(codex_home).items():
                        if "app-server" in line:
                            kill(pid)
                case _:
                    client.close_stdin()
    await until(lambda: ground.left() == [".codex"], "a clean project")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_supervisor_that_ends_during_a_command_leaves_the_project_as_it_was(
    here: Station, tmp_path: Path, number: signal.Signals
) -> None:
    ground = Ground(tmp_path)
    here.model.on("first", ShellCall(COMMAND))
    env = {"TMPDIR": str(ground.temporary)}
    async with (
        here.supervisor("--drain-timeout", "0", env=env) as supervisor,
        here.client(cwd=ground.project) as client,
    ):
        await client.run("first")
        await until(lambda: ground.has_begun, "the command")
        kill(supervisor.pid, number)
        await supervisor.wait()
    await here.emptied()
    # `.codex` has the run's audit files as well.
    await until(lambda: ground.left() == [".codex"], "a clean project")


async def test_a_run_that_leaves_a_command_in_the_background_leaves_the_project_as_it_was(
    here: Station, tmp_path: Path
) -> None:
    ground = Ground(tmp_path)
    begun = json.dumps({"cmd": COMMAND, "yield_time_ms": 1500})
    script = Script(f"text(JSON.stringify(await tools.exec_command({begun})));")
    here.model.on("first", script, Text("it goes on"))
    async with here.client(cwd=ground.project) as client:
        assert (await client.wait(await client.run("first")))["message"] == "it goes on"
        await until(lambda: ground.left() == [".codex"], "a clean project")


async def test_a_sub_agent_that_codex_unloads_for_another_leaves_the_project_as_it_was(
    here: Station, tmp_path: Path
) -> None:
    ground = Ground(tmp_path)
    begun = json.dumps({"cmd": COMMAND, "yield_time_ms": 1500})
    here.model.on("child", Script(f"text(JSON.stringify(await tools.exec_command({begun})));"))
    names = ["child", *(f"other{number}" for number in range(5))]
    spawned = [step for name in names for step in (Spawn(name, name), WaitForAgents(60_000))]
    here.model.on("root", *spawned, Text("all are done"))
    async with here.client(cwd=ground.project) as client:
        assert (await client.wait(await client.run("root")))["message"] == "all are done"
        await until(lambda: ground.left() == [".codex"], "a clean project")
