from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.run_settings import (
    RunSettings,
    client_environment,
    command_environment,
    read_run_settings,
)


def test_an_empty_environment_gives_safe_defaults() -> None:
    assert read_run_settings({"CODEX_MCP_WRAPPER_TIMEOUT_MS": ""}) == RunSettings(
        None, None, 1800.0, 240.0, "workspace-write", is_private=False
    )


def test_every_variable_is_taken() -> None:
    env = {
        "CODEX_MCP_WRAPPER_RUN_DIR": "/runs",
        "CODEX_MCP_WRAPPER_POINTER_DIR": "/pointers",
        "CODEX_MCP_WRAPPER_TIMEOUT_MS": "1500",
        "CODEX_MCP_WRAPPER_WAIT_SOFT_TIMEOUT_MS": "0",
        "CODEX_MCP_WRAPPER_DEFAULT_PERMISSIONS": "yolo",
        "CODEX_MCP_WRAPPER_APP_SERVER_MODE": "private",
    }
    assert read_run_settings(env) == RunSettings(
        Path("/runs"), Path("/pointers"), 1.5, None, "yolo", is_private=True
    )


def test_the_variables_of_every_program_hold_for_runs_unless_theirs_are_set() -> None:
    env = {"CODEX_SANDBOX_MODE": "read-only", "CODEX_MODEL": "m"}
    settings = read_run_settings(env)
    assert (settings.permissions, settings.model) == ("read-only", "m")
    own = {**env, "CODEX_MCP_WRAPPER_DEFAULT_PERMISSIONS": "yolo"}
    assert read_run_settings(own).permissions == "yolo"
    with pytest.raises(ConfigurationError, match="invalid CODEX_SANDBOX_MODE 'full'"):
        read_run_settings({"CODEX_SANDBOX_MODE": "full"})


def test_a_supervisor_is_told_the_settings_of_its_client_and_no_secret() -> None:
    told = client_environment(
        {
            "PATH": "/bin",
            "HOME": "/home/me",
            "OPENAI_API_KEY": "sk-1",
            "CODEX_MODEL": "m",
            "CODEX_SANDBOX_MODE": "read-only",
            "CODEX_MCP_WRAPPER_RUN_DIR": "/runs",
            "CODEXMCP_RUN_ENV": "A",
        }
    )
    assert told.keys() == {
        "PATH",
        "HOME",
        "CODEX_MODEL",
        "CODEX_SANDBOX_MODE",
        "CODEX_MCP_WRAPPER_RUN_DIR",
        "CODEXMCP_RUN_ENV",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEOUT_MS", "soon"), ("WAIT_SOFT_TIMEOUT_MS", "-1"), ("APP_SERVER_MODE", "public")],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} '{value}'"):
        read_run_settings({f"CODEX_MCP_WRAPPER_{name}": value})


def test_commands_see_what_is_on_the_list_and_no_secret() -> None:
    env = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_TIME": "C",
        "OPENAI_API_KEY": "sk-1",
        "AWS_PROFILE": "prod",
        "HTTPS_PROXY": "http://me:secret@proxy:1",
        "HTTP_PROXY": "http://proxy:1",
        "MY_DIR": "/d",
        "MY_TOKEN": "t",
        "CODEXMCP_RUN_ENV": "MY_DIR, MY_TOKEN",
    }
    assert command_environment(env) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_TIME": "C",
        "HTTP_PROXY": "http://proxy:1",
        "MY_DIR": "/d",
    }


def test_commands_have_a_path_and_a_home_in_any_case() -> None:
    assert set(command_environment({})) == {"PATH", "HOME"}


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("HTTP_PROXY", "me:secret@proxy:1", False),
        ("https_proxy", "http://me:se/cret@proxy:1", False),
        ("EXTRA", "https://a.example https://me:secret@b.example", False),
        ("EXTRA", "https://a.example:80/path", True),
        ("no_proxy", "localhost,10.0.0.1:80", True),
    ],
)
def test_a_password_is_found_however_it_is_written(name: str, value: str, *, passes: bool) -> None:
    env = {name: value, "CODEXMCP_RUN_ENV": "EXTRA"}
    assert (name in command_environment(env)) is passes
