from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.cli import client_options
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.command_line import parse
from codexmcp.errors import UsageError
from codexmcp.policy.caller import Caller

ENVIRONMENT = {
    "PATH": "/home/me/bin",
    "HOME": "/home/me",
    "VIRTUAL_ENV": "/home/me/.venv",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "BUILD": "7",
    "MY_TOKEN": "secret",
    "CODEXMCP_RUN_ENV": "BUILD,MY_TOKEN",
}


def caller(base_dir: Path, workspace: Path | None, *words: str) -> Caller:
    flags = parse(McpServerOptions, words).policy
    return client_options.caller(flags, base_dir, ENVIRONMENT, Path("/home/me"), workspace)


def test_commands_in_a_container_see_what_is_true_there(tmp_path: Path) -> None:
    env = caller(tmp_path, tmp_path).env
    assert env["HOME"] == "/home/codex"
    assert "/home/me" not in env["PATH"]
    assert {name: env.get(name) for name in ("LANG", "LC_ALL", "BUILD")} == {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "BUILD": "7",
    }
    assert not {"VIRTUAL_ENV", "MY_TOKEN"} & set(env)
    assert caller(tmp_path, None).env["VIRTUAL_ENV"] == "/home/me/.venv"


def test_a_folder_that_is_fixed_lies_in_the_workspace(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    assert caller(tmp_path, tmp_path, "--cwd", "below").policy.cwd == str(below)
    with pytest.raises(UsageError, match="is not in --workspace"):
        caller(tmp_path, below, "--cwd", "..")
