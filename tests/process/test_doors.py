"""One rule at every door: settings, `.env` and credentials mean the same everywhere."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from codexmcp.cli import app
from codexmcp.testing import Role, ScriptedModel, ShellCall, Surface, Text
from tests.support.builds import CHECKOUT
from tests.support.doors import DOORS, NO_TASK, PROMPT, SAME, place
from tests.support.model_steps import UNKNOWN_MODEL
from tests.support.programs import KEY, Project

REMEDY = "set OPENAI_API_KEY"


@pytest.mark.parametrize("door", DOORS)
async def test_without_credentials_nothing_starts_and_the_remedy_is_told(
    project: Project, codex_home: Path, door: str
) -> None:
    told = await DOORS[door](place(project, codex_home))
    assert told.refused
    assert REMEDY in told.text
    assert told.code in {None, 78}
    # Nothing was recorded, and no conversation began.
    assert not (codex_home / "sessions").exists()


@pytest.mark.parametrize("door", DOORS)
async def test_the_file_with_settings_holds_at_every_door(
    project: Project, codex_home: Path, door: str
) -> None:
    script = [Text("hello")]
    async with ScriptedModel(script, surface=Surface.PLAIN) as model:
        file = project.root / ".env"
        lines = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model.base_url,
            "CODEX_MODEL": UNKNOWN_MODEL,
            "CODEX_SANDBOX_MODE": "danger-full-access",
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        told = await DOORS[door](place(project, codex_home, CODEXMCP_ENV_FILE=str(file)))
        assert not told.refused, told
        asked = [request for request in model.requests if request.role is Role.CODEX]
        assert [request.body["model"] for request in asked] == [UNKNOWN_MODEL]
        seen = json.dumps(asked[0].body["input"])
        assert door == "codexmcp doctor" or PROMPT in seen
        # The doctor's turn does without what it tries apart.
        assert door == "codexmcp doctor" or "danger-full-access" in seen


@pytest.mark.parametrize("door", ["main.py", "newway.py", "codexmcp runs start"])
async def test_a_task_whose_only_command_failed_ends_with_1_and_the_reason(
    project: Project, codex_home: Path, door: str
) -> None:
    async with ScriptedModel([ShellCall("exit 3"), Text("all is well")]) as model:
        reach = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": model.base_url}
        mode = {"CODEX_SANDBOX_MODE": "danger-full-access"}
        told = await DOORS[door](place(project, codex_home, **reach, **mode))
    assert told.code == 1
    assert "the only command failed" in told.text
    assert "all is well" in told.text


def test_every_program_and_command_is_a_door_or_gives_no_task() -> None:
    scripts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["scripts"]
    commands = {f"codexmcp {name}" for name in (*app._MODULES, *app._PASSED_ON)}
    programs = {*scripts, "main.py", "newway.py"} - {"codexmcp"}
    known = {" ".join(name.split()[:2]) for name in DOORS} | set(SAME) | set(NO_TASK)
    assert commands | programs == known
    assert set(SAME.values()) <= set(DOORS)
