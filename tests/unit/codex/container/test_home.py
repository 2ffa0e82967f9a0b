from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from codexmcp.codex.container import home as subject
from codexmcp.codex.container.home import container_home, is_kept
from codexmcp.errors import ConfigurationError

KEPT = [
    "sessions",
    "archived_sessions",
    "session_index.jsonl",
    "thread-writer-locks",
    "installation_id",
    "state_5.sqlite",
    "state_5.sqlite-wal",
    "thread_history_1.sqlite-shm",
]
LEFT = [
    "config.toml",
    "x.config.toml",
    "auth.json",
    "skills",
    "hooks.json",
    "AGENTS.md",
    "rules",
    "memories_1.sqlite",
    "logs_2.sqlite",
    "state_5.sqlite.toml",
]


@pytest.mark.parametrize("name", KEPT)
def test_what_threads_are_known_by_is_kept(name: str) -> None:
    assert is_kept(name)


@pytest.mark.parametrize("name", LEFT)
def test_settings_skills_and_logins_are_not_kept(name: str) -> None:
    assert not is_kept(name)


async def test_a_home_is_made_for_nobody_but_us(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "1"
    async with container_home(home):
        assert home.stat().st_mode & 0o777 == 0o700
        assert home.parent.stat().st_mode & 0o777 == 0o700


async def test_what_a_command_has_left_does_not_come_back(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    async with container_home(home):
        (home / "sessions" / "2026").mkdir(parents=True)
        (home / "config.toml").write_text("[mcp_servers.bad]")
        (home / "skills").mkdir()
        (home / "rules").symlink_to(elsewhere)
    async with container_home(home):
        assert [each.name for each in home.iterdir()] == ["sessions"]
        assert (home / "sessions" / "2026").is_dir()
    assert (elsewhere / "file").exists()


async def test_a_home_in_use_is_left_as_it_is(tmp_path: Path) -> None:
    async with container_home(tmp_path / "home"):
        (tmp_path / "home" / "config.toml").touch()
        async with container_home(tmp_path / "home"):
            assert (tmp_path / "home" / "config.toml").exists()


async def test_the_wait_for_who_clears_it_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "LOCK_TIMEOUT_S", 0.05)
    held = subject._open_lock(tmp_path / "home")
    subject._locked(held, fcntl.LOCK_EX)
    with pytest.raises(ConfigurationError, match="has been clearing"):
        async with container_home(tmp_path / "home"):
            pass


async def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot prepare"):
        async with container_home(tmp_path / "file" / "home"):
            pass
