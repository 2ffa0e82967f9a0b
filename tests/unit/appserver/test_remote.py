from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from codexmcp.appserver.remote import TUI_CONFIG, prepare_tui_home, tui_command
from codexmcp.errors import ConfigurationError

CODEX = Path("/opt/codex")
SOCKET = Path("/run/s.sock")


def test_the_command_names_socket_and_thread(tmp_path: Path) -> None:
    command = tui_command(CODEX, SOCKET, "thread-1", tmp_path, {})
    assert command.argv == ["/opt/codex", "resume", "--remote", "unix:///run/s.sock", "thread-1"]


def test_the_interface_gets_a_home_of_its_own_and_no_key(tmp_path: Path) -> None:
    env = {"CODEX_HOME": "/home/user/.codex", "OPENAI_API_KEY": "sk", "TERM": "xterm", "HOME": "/h"}
    command = tui_command(CODEX, SOCKET, "thread-1", tmp_path, env)
    assert command.env == {"CODEX_HOME": str(tmp_path), "TERM": "xterm", "HOME": "/h"}
    assert command.cwd == tmp_path


def test_the_settings_name_no_model_and_want_no_login() -> None:
    settings = tomllib.loads(TUI_CONFIG)
    assert "model" not in settings
    assert settings["model_provider"] in settings["model_providers"]
    assert "env_key" not in settings["model_providers"][settings["model_provider"]]


def test_the_home_is_for_us_alone_and_put_back_each_time(tmp_path: Path) -> None:
    home = tmp_path / "a" / "tui"
    prepare_tui_home(home)
    (home / "config.toml").write_text('model = "gpt-5.2"\n')
    (home / "history.jsonl").write_text("typed before\n")
    home.chmod(0o755)
    prepare_tui_home(home)
    assert (home / "config.toml").read_text() == TUI_CONFIG
    assert sorted(path.name for path in home.iterdir()) == ["config.toml", "history.jsonl"]
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "config.toml").stat().st_mode & 0o777 == 0o600


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=str(tmp_path / "file")):
        prepare_tui_home(tmp_path / "file")
