from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.appserver.backfill import (
    Backfill,
    give_up,
    is_abandoned,
    standing_claim,
    state_folder,
)
from codexmcp.appserver.launch import LaunchOptions
from tests.support.index_claim import claim, held_open, make_index, state_of


def claimed(folder: Path, **how: object) -> Backfill:
    """Make an index that is claimed, and return the claim."""
    claim(make_index(folder), **how)  # type: ignore[arg-type]
    found = standing_claim(folder)
    assert found is not None
    return found


def test_a_home_that_codex_has_never_used_has_no_claim(tmp_path: Path) -> None:
    assert standing_claim(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_filled_index_has_no_claim(tmp_path: Path) -> None:
    make_index(tmp_path)
    assert standing_claim(tmp_path) is None


def test_a_claim_tells_how_far_it_is(tmp_path: Path) -> None:
    found = claimed(tmp_path, renewed_at=1234, done_to="sessions/2026/11/05/rollout-1.jsonl")
    assert found.done_to == "sessions/2026/11/05/rollout-1.jsonl"
    assert found.renewed_at == 1234
    assert found.file == tmp_path / "state_5.sqlite"


def test_of_several_layouts_the_newest_with_a_claim_counts(tmp_path: Path) -> None:
    # What a newer Codex has left there does not hide the one that is used.
    make_index(tmp_path, name="state_11.sqlite")
    for name in ("state_9.sqlite", "state_10.sqlite"):
        claim(make_index(tmp_path, name=name))
    found = standing_claim(tmp_path)
    assert found is not None
    assert found.file.name == "state_10.sqlite"


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 99])
def test_nothing_can_be_told_from_what_is_no_such_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state_5.sqlite"
    file.write_bytes(content)
    assert standing_claim(tmp_path) is None
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("config", "override", "named", "folder"),
    [
        ("", None, None, "home"),
        ("", None, "/elsewhere", "/elsewhere"),
        ("", None, "relative", "cwd/relative"),
        ('sqlite_home = "db"', None, "/elsewhere", "home/db"),
        ('sqlite_home = "/db"', None, None, "/db"),
        ('sqlite_home = "~/db"', None, None, "/user/db"),
        ('sqlite_home = "/db"', 'sqlite_home="/mine"', "/elsewhere", "/mine"),
        ("sqlite_home = 7", None, None, "home"),
        ("sqlite_home = ", None, "/elsewhere", "/elsewhere"),
    ],
)
def test_the_databases_lie_where_codex_is_told_to_keep_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    override: str | None,
    named: str | None,
    folder: str,
) -> None:
    monkeypatch.setenv("HOME", "/user")
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(config)
    env = {"CODEX_HOME": str(home)} | ({"CODEX_SQLITE_HOME": named} if named else {})
    overrides = [override] if override else []
    options = LaunchOptions(Path("/codex"), env, overrides=overrides, cwd=tmp_path / "cwd")
    assert state_folder(options) == tmp_path / folder


def test_a_container_keeps_its_databases_in_its_home_whatever_its_settings_say(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text('sqlite_home = "/db"')
    options = LaunchOptions(Path("codex"), {"CODEX_HOME": "/h"}, prefix=lambda: ["docker"])
    assert state_folder(options) is None
    assert state_folder(replace(options, prefixed_home=tmp_path)) == tmp_path


def test_a_pipe_in_place_of_the_configuration_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    options = LaunchOptions(Path("/codex"), {"CODEX_HOME": str(tmp_path)})
    assert state_folder(options) == tmp_path


@pytest.mark.parametrize("name", ["state_backup.sqlite", "state_5.sqlite.old", "my_state_5.sqlite"])
def test_a_copy_under_another_name_is_passed_over(tmp_path: Path, name: str) -> None:
    claim(make_index(tmp_path, name=name))
    assert standing_claim(tmp_path) is None
    assert claimed(tmp_path).file == tmp_path / "state_5.sqlite"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    file = make_index(elsewhere)
    claim(file)
    (home / file.name).symlink_to(file)
    assert standing_claim(home) is None


@pytest.mark.parametrize("value", [None, "x", 1.5, float("inf"), 1e300, b"bytes"])
def test_a_claim_with_an_odd_time_is_none(tmp_path: Path, value: object) -> None:
    file = tmp_path / "state_5.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE backfill_state (status, last_watermark, updated_at)")
        connection.execute("INSERT INTO backfill_state VALUES ('running', NULL, ?)", (value,))
    assert standing_claim(tmp_path) is None


def test_a_database_that_never_comes_to_an_end_is_given_up(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "state_5.sqlite")) as connection, connection:
        connection.execute(
            "CREATE VIEW backfill_state AS"
            " WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
            " SELECT 'done' AS status, 0 AS last_watermark, x AS updated_at FROM n"
        )
    assert standing_claim(tmp_path) is None


def test_a_claim_is_abandoned_when_no_process_has_the_database_open(tmp_path: Path) -> None:
    assert is_abandoned(claimed(tmp_path))


async def test_a_claim_is_not_abandoned_while_a_process_has_the_database_open(
    tmp_path: Path,
) -> None:
    found = claimed(tmp_path)
    async with held_open(found.file) as holder:
        assert not is_abandoned(found)
        holder.kill()
        await holder.wait()
        assert is_abandoned(found)


def test_without_shared_memory_nobody_can_be_told_to_have_ended(tmp_path: Path) -> None:
    claim(make_index(tmp_path, journal="delete"))
    found = standing_claim(tmp_path)
    assert found is not None
    assert not is_abandoned(found)


def test_a_claim_on_a_database_that_is_gone_is_not_taken_for_abandoned(tmp_path: Path) -> None:
    found = claimed(tmp_path)
    found.file.unlink()
    assert not is_abandoned(found)
    assert not give_up(found)
    assert not found.file.exists()


def test_a_claim_that_was_given_up_has_expired_and_keeps_its_place(tmp_path: Path) -> None:
    found = claimed(tmp_path, renewed_at=int(time.time()), done_to="sessions/one.jsonl")
    assert not found.has_expired
    assert give_up(found)
    now = standing_claim(tmp_path)
    assert now == Backfill(found.file, "sessions/one.jsonl", 0)
    assert now is not None
    assert now.has_expired


def test_a_claim_that_was_renewed_meanwhile_is_not_given_up(tmp_path: Path) -> None:
    found = claimed(tmp_path, renewed_at=1234)
    claim(found.file, renewed_at=1235)
    assert not give_up(found)
    assert state_of(found.file) == ("running", 1235)
