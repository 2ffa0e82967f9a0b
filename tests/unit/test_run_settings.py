from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.run_settings import RunSettings, command_environment, read_run_settings


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


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEOUT_MS", "soon"), ("WAIT_SOFT_TIMEOUT_MS", "-1"), ("APP_SERVER_MODE", "public")],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is '{value}'"):
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
