"""Commands cannot bring a withheld file within reach, nor write to a Codex home where they work."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codexmcp.testing import ShellCall, Text
from tests.support.programs import Project
from tests.support.supervision import Station, station

BOTH = ("--tools", "codex,runs")
ASKED = {"sandbox": "workspace-write", "approval_policy": "never"}


@pytest.fixture
async def within(codex_home: Path) -> AsyncIterator[Station]:
    """A Codex home in a folder of its project."""
    home = codex_home / "a" / "home"
    home.mkdir(parents=True, mode=0o700)
    async with station(home) as made:
        shutil.rmtree(made.project)
        made.project = codex_home
        yield made
        # The folder itself belongs to `codex_home`.
        made.project = codex_home / "a" / "none"


async def test_a_key_cannot_be_read_once_its_folder_is_renamed(here: Station) -> None:
    key = here.project / "a" / "b" / "key"
    key.parent.mkdir(parents=True)
    key.write_text("sk-withheld\n")
    moves = "mv a/b a/c; mv a c; touch a/b/made; true"
    look = "cat a/b/key c/b/key a/c/key > seen 2>&1; true"
    here.model.on("look", ShellCall(moves), ShellCall(look), Text("done"))
    async with here.client(env={"OPENAI_API_KEY_FILE": str(key)}) as client:
        await client.wait(await client.run("look"))
    assert (here.project / "a" / "b" / "made").exists()
    assert "sk-withheld" not in (here.project / "seen").read_text()


async def test_a_file_with_secrets_is_withheld_that_is_younger_than_the_supervisor(
    here: Station,
) -> None:
    here.model.on("look", ShellCall(f"cat {here.home}/auth.json > seen 2>&1; true"), Text("done"))
    async with here.client() as client:
        await client.wait(await client.run("begin"))
        (here.home / "auth.json").write_text('{"tokens": "withheld"}')
        await client.wait(await client.run("look"))
    assert "withheld" not in (here.project / "seen").read_text()


@pytest.mark.parametrize("tool", ["codex", "codex_run", "codex-reply", "codex_resume"])
async def test_commands_cannot_write_to_a_home_in_their_project(within: Station, tool: str) -> None:
    write = (
        "touch made; echo x >> a/home/config.toml; mv a/home a/h; mv a b; touch a/home/new; true"
    )
    within.model.on("write", ShellCall(write), Text("done"))
    config = (within.home / "config.toml").read_bytes()
    async with within.client(*BOTH) as client:
        arguments: dict[str, object] = {"prompt": "write", **ASKED}
        if tool == "codex-reply":
            made = await client.tool("codex", prompt="begin", **_dashed(ASKED))
            arguments = {"prompt": "write", "threadId": made["threadId"]}
        elif tool == "codex_resume":
            run_id = await client.run("begin", **ASKED)
            await client.wait(run_id)
            arguments = {"prompt": "write", "run_id": run_id, "wait_ms": 20_000}
        elif tool == "codex":
            arguments = {"prompt": "write", **_dashed(ASKED)}
        else:
            arguments["wait_ms"] = 20_000
        await client.tool(tool, **arguments)
    assert (within.project / "made").exists()
    assert (within.home / "config.toml").read_bytes() == config
    assert not (within.home / "new").exists()


async def test_programs_cannot_write_to_a_home_in_their_project(
    project: Project, program: str
) -> None:
    home = project.root / "a" / "home"
    home.parent.mkdir()
    project.home.rename(home)
    project.env["CODEX_HOME"] = str(home)
    words = ("--rehearse", "--sandbox", "workspace-write", "--cwd", str(project.root))
    await project.run(program, *words, "run `touch made; touch a/home/new; mv a b; true`")
    assert (project.root / "made").exists()
    assert home.exists()
    assert not (home / "new").exists()


def _dashed(arguments: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in arguments.items()}


GREET = """
import glob, os, socket
for path in glob.glob(os.environ["PLACE"] + "/*.sock"):
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        connection.sendall(b'{"codexmcp": "1", "arguments": [], "cwd": "/", "env": {}}\\n')
        print(connection.recv(1000).decode())
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("mode", ["workspace-write", "danger-full-access"])
async def test_a_sandboxed_command_with_network_access_cannot_use_the_supervisor(
    here: Station, mode: str
) -> None:
    with (here.home / "config.toml").open("a") as config:
        config.write("[sandbox_workspace_write]\nnetwork_access = true\n")
    (here.project / "greet.py").write_text(GREET)
    look = f"PLACE={here.sockets} {sys.executable} greet.py > seen"
    here.model.on("look", ShellCall(look), Text("done"))
    async with here.client(*BOTH) as client:
        asked = {"sandbox": mode, "approval-policy": "never"}
        await client.tool("codex", prompt="look", **asked)
        seen = (here.project / "seen").read_text()
        assert ('"ok":true' in seen) is (mode == "danger-full-access")
        assert ("runs in a sandbox" in seen) is (mode == "workspace-write")
