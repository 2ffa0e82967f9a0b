from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.access import KeyAccess, OwnAccess
from codexmcp.codex.resolution import CodexChoices, Resolution, resolve, with_settings
from codexmcp.errors import ConfigurationError, CredentialsError
from codexmcp.settings import Settings

KEY = "sk-canary-0123456789"
CODEX = Path("/codex")
LAB = 'model_provider = "lab"\n[model_providers.lab]\nbase_url = "http://lab/v1"\n'
LOGINS: Mapping[str, dict[str, Any]] = {
    "none": {},
    "ChatGPT": {"tokens": {"access_token": "t"}},
    "key": {"OPENAI_API_KEY": KEY},
}


def found(
    home: Path, config: str = "", *, login: str = "none", env: Mapping[str, str] | None = None
) -> Resolution:
    """Resolve in a home with a configuration and a login."""
    (home / "config.toml").write_text(config)
    (home / "auth.json").write_text(json.dumps(LOGINS[login]))
    return resolve(Settings(codex_home=home), env or {}, codex=CODEX)


@pytest.mark.parametrize(
    ("config", "login", "remedy"),
    [
        ("", "none", "set OPENAI_API_KEY"),
        ("", "ChatGPT", ""),
        ("", "key", ""),
        ('cli_auth_credentials_store = "keyring"', "none", ""),
        ('cli_auth_credentials_store = "file"', "none", "set OPENAI_API_KEY"),
        ('model_provider = "ollama"', "none", ""),
        (LAB, "none", ""),
        (LAB + "requires_openai_auth = false", "none", ""),
        (LAB + "requires_openai_auth = true", "none", "codexmcp codex login"),
        (LAB + "requires_openai_auth = true", "ChatGPT", ""),
        (LAB + 'requires_openai_auth = true\nexperimental_bearer_token = "t"', "none", ""),
        (LAB + 'env_key = "LAB_KEY"', "none", "LAB_KEY, which is not set: export it"),
        (LAB + 'env_key = "LAB_KEY"', "ChatGPT", "LAB_KEY, which is not set: export it"),
        (LAB + 'env_key = "OPENAI_API_KEY"', "none", "OPENAI_API_KEY, which is not set"),
    ],
)
def test_what_the_chosen_provider_needs_is_known_before_anything_starts(
    tmp_path: Path, config: str, login: str, remedy: str
) -> None:
    resolution = found(tmp_path, config, login=login)
    if not remedy:
        resolution.check_access()
        return
    with pytest.raises(CredentialsError, match=remedy):
        resolution.check_access()


@pytest.mark.parametrize(
    ("env", "dotenv"), [({"LAB_KEY": "k"}, ""), ({}, "LAB_KEY=k\n")], ids=["environment", "file"]
)
def test_the_key_of_a_provider_may_be_exported_or_in_the_file_that_codex_reads(
    tmp_path: Path, env: dict[str, str], dotenv: str
) -> None:
    (tmp_path / ".env").write_text(dotenv)
    found(tmp_path, LAB + 'env_key = "LAB_KEY"', env=env).check_access()


def test_a_provider_that_reads_our_variable_gets_our_key_and_no_other_does(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text(LAB + 'env_key = "OPENAI_API_KEY"')
    settings = Settings(api_key=KEY, codex_home=tmp_path)
    resolution = resolve(settings, {}, codex=CODEX)
    resolution.check_access()
    assert resolution.env["OPENAI_API_KEY"] == KEY
    (tmp_path / "config.toml").write_text(LAB)
    assert "OPENAI_API_KEY" not in resolve(settings, {}, codex=CODEX).env


@pytest.mark.parametrize(
    "task",
    [
        {"model_provider": "ollama"},
        {"model_provider": "lab", "model_providers": {"lab": {"base_url": "http://lab/v1"}}},
        {"model_provider": "lab", "model_providers.lab.base_url": "http://lab/v1"},
    ],
)
def test_a_task_with_a_provider_of_its_own_needs_what_that_one_needs(
    tmp_path: Path, task: dict[str, Any]
) -> None:
    resolution = found(tmp_path)
    resolution.check_access(task)
    with pytest.raises(CredentialsError):
        resolution.check_access({"model": "m"})


def test_a_task_may_need_more_than_the_home(tmp_path: Path) -> None:
    resolution = found(tmp_path, login="ChatGPT")
    with pytest.raises(CredentialsError, match="LAB_KEY"):
        resolution.check_access({"model_provider": "lab", "model_providers.lab.env_key": "LAB_KEY"})


@pytest.mark.parametrize(
    "choices",
    [
        CodexChoices(endpoint="http://127.0.0.1:1/v1"),
        CodexChoices(profile={"model_provider": "ollama"}),
        CodexChoices(overrides=["model_provider=ollama"]),
        CodexChoices(
            overrides=['model_provider="lab"', 'model_providers.lab={base_url="http://l"}']
        ),
    ],
)
def test_what_the_program_was_told_decides_like_the_configuration(
    tmp_path: Path, choices: CodexChoices
) -> None:
    resolve(Settings(codex_home=tmp_path), {}, choices, codex=CODEX).check_access()


def test_a_login_that_is_made_later_counts(tmp_path: Path) -> None:
    resolution = found(tmp_path)
    (tmp_path / "auth.json").write_text(json.dumps(LOGINS["ChatGPT"]))
    resolution.check_access()


def test_without_credentials_the_access_is_codexs_own(tmp_path: Path) -> None:
    assert found(tmp_path).access == OwnAccess()


def test_the_key_of_a_login_is_for_another_endpoint_too(tmp_path: Path) -> None:
    (tmp_path / "auth.json").write_text(json.dumps(LOGINS["key"]))
    settings = Settings(codex_home=tmp_path, base_url="http://h/v1")
    assert resolve(settings, {}, codex=CODEX).access == KeyAccess(KEY, "http://h/v1")


def test_a_home_that_does_not_exist_is_made_for_us_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    resolve(Settings(codex_home=home), {}, codex=CODEX)
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="Not a directory; set CODEX_HOME"):
        resolve(Settings(codex_home=tmp_path / "file" / "home"), {}, codex=CODEX)


def test_settings_are_merged_table_by_table_and_leave_the_configuration_alone() -> None:
    config = {"a": {"x": 1, "y": 2}, "b": 1}
    merged = with_settings(config, {"a.x": 3, "b.c": 4, "d": {"e": 5}})
    assert merged == {"a": {"x": 3, "y": 2}, "b": {"c": 4}, "d": {"e": 5}}
    assert config == {"a": {"x": 1, "y": 2}, "b": 1}


def test_a_home_that_has_become_full_takes_no_further_task(tmp_path: Path) -> None:
    resolution = found(tmp_path, 'model_provider = "ollama"')
    resolution.check_access()
    (tmp_path / f".codexmcp-room-{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(ConfigurationError, match="no space for a run"):
        resolution.check_access()
