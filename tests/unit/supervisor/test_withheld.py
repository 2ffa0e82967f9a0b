"""The list of withheld files, and that everybody who needs it takes it from one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from codexmcp.secret_like import WITHHELD_VARIABLE
from codexmcp.settings import load_settings
from codexmcp.supervisor.withheld import secret_files, served_to_nobody
from tests.support.sources import imports, texts_with

USERS = {
    "api/codex.py": "secret_files",
    "cli/serve.py": "secret_files",
    "cli/own_runs.py": "secret_files",
    "agents/workplace.py": "secret_files",
    "cli/serve_http.py": "served_to_nobody",
}
"""Where runs are started and files are served, and what each takes of the list."""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "openai.key").write_text("sk-key")
    (tmp_path / "more").write_text("secret")
    return {
        "HOME": str(tmp_path),
        "CODEX_HOME": str(tmp_path / "home"),
        "OPENAI_API_KEY_FILE": str(tmp_path / "openai.key"),
        "CODEX_MCP_WRAPPER_POINTER_DIR": str(tmp_path / "store"),
        "CODEX_MCP_WRAPPER_RUN_DIR": str(tmp_path / "audit"),
        "XDG_RUNTIME_DIR": str(tmp_path),
        WITHHELD_VARIABLE: str(tmp_path / "more"),
    }


def test_secrets_are_the_login_the_keys_the_tokens_and_what_the_owner_names(
    env: dict[str, str], tmp_path: Path
) -> None:
    found = secret_files(load_settings(env), env)
    names = {str(path.relative_to(tmp_path)) for path in found}
    own = {"home/auth.json", "openai.key", ".agentos/token", ".agentos/tokens.toml"}
    assert names == {*own, "more"}


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "CODEX_API_KEY"])
def test_the_file_of_a_key_is_one_also_when_another_key_wins(
    env: dict[str, str], tmp_path: Path, variable: str
) -> None:
    env[variable] = "sk-other"
    assert tmp_path / "openai.key" in secret_files(load_settings(env), env)


def test_a_supervisor_that_a_client_starts_inherits_the_list(
    env: dict[str, str], tmp_path: Path
) -> None:
    load_settings(env)
    # The key comes through a pipe there, and its file is named no more.
    assert "OPENAI_API_KEY_FILE" not in env
    assert tmp_path / "openai.key" in secret_files(load_settings(env), env)


def test_the_env_file_that_a_key_came_from_is_one(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("OPENAI_API_KEY=sk-key\n")
    env = {"HOME": str(tmp_path)}
    assert dotenv in secret_files(load_settings(env, project=tmp_path), env)


def test_a_key_from_a_pipe_lies_nowhere(env: dict[str, str]) -> None:
    env["OPENAI_API_KEY_FILE"] = "/dev/null"
    env["OPENAI_API_KEY"] = "sk-other"
    assert Path("/dev/null") not in secret_files(load_settings(env), env)


def test_nobody_is_served_what_the_server_works_with(env: dict[str, str], tmp_path: Path) -> None:
    settings = load_settings(env)
    found = served_to_nobody(settings, env, tmp_path / "here")
    assert set(secret_files(settings, env)) < set(found)
    for path in ("home", ".agentos", "store", "audit", "codexmcp", "here/.env"):
        assert tmp_path / path in found


def test_all_who_start_runs_or_serve_files_take_the_list_from_here() -> None:
    assert {
        file: node.names[0].name
        for file, node in imports()
        if isinstance(node, ast.ImportFrom) and node.module == "codexmcp.supervisor.withheld"
    } == USERS
    makers = ("RunHostOptions(", "Roots.parse(", "deny_read=denied", "hidden=tuple(")
    fronts = ("cli/", "agents/", "picker/", "api/")
    assert {file for file in texts_with(*makers) if file.startswith(fronts)} == USERS.keys()
