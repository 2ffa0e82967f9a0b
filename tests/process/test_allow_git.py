"""A commit passes with `--allow-git`, and only with it, at every door."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.doors import DOORS, place
from tests.support.mcp_server import SERVER
from tests.support.programs import KEY, Project
from tests.support.supervision import Station

COMMIT = "echo x > new && git add new && git -c user.email=a@b -c user.name=a commit -qm second"
BOUND_S = 60.0

WITHOUT_COMMANDS = {"codexmcp doctor": "its turn is read-only, in a folder of its own"}
"""Doors whose task never writes to a repository."""


def repository(folder: Path) -> None:
    """Make a repository with one commit."""
    identity = ("-c", "user.email=a@b", "-c", "user.name=a")
    for words in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True, timeout=BOUND_S)  # noqa: S607


def commits(folder: Path) -> int:
    """Return how many commits there are."""
    command = ["git", "rev-list", "--count", "HEAD"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=BOUND_S)
    return int(ran.stdout)


@pytest.mark.parametrize("flags", [("--allow-git",), ()], ids=["allowed", "not"])
@pytest.mark.parametrize("door", [each for each in DOORS if each not in WITHOUT_COMMANDS])
async def test_a_command_commits_where_it_may(
    project: Project, codex_home: Path, door: str, flags: tuple[str, ...]
) -> None:
    repository(project.output)
    async with ScriptedModel([ShellCall(COMMIT), Text("done")]) as model:
        reach = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.base_url}
        mode = {"CODEX_SANDBOX_MODE": "workspace-write"}
        here = place(project, codex_home, **reach, **mode)
        await DOORS[door](replace(here, flags=flags))
    assert (project.output / "new").exists(), "the command did not run"
    assert commits(project.output) == (2 if flags else 1)


async def test_a_resumed_thread_commits_only_where_its_new_server_lets_it(here: Station) -> None:
    repository(here.project)
    here.model.on("commit", ShellCall(COMMIT), Text("done"))
    plant = "echo y > new; git commit -qam third; echo x > .git/hooks/pre-commit; true"
    here.model.on("again", ShellCall(plant), Text("done"))
    asked = {"cwd": str(here.project), "sandbox": "workspace-write"}
    async with here.introduced([*SERVER, "--allow-git"]) as client:
        told = await client.tool("codex", prompt="commit", **asked)
    async with here.introduced(SERVER) as client:
        await client.tool("codex-reply", prompt="again", threadId=told["threadId"])
    assert commits(here.project) == 2
    assert not (here.project / ".git" / "hooks" / "pre-commit").exists()
