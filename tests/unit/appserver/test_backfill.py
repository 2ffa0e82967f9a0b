from __future__ import annotations

import time
from pathlib import Path

import pytest

from codexmcp.appserver.backfill import (
    Backfill,
    give_up,
    is_abandoned,
    standing_claim,
    state_folder,
)
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


def test_only_the_newest_layout_counts(tmp_path: Path) -> None:
    claim(make_index(tmp_path, name="state_9.sqlite"))
    make_index(tmp_path, name="state_10.sqlite")
    assert standing_claim(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 99])
def test_nothing_can_be_told_from_what_is_no_such_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "state_5.sqlite"
    file.write_bytes(content)
    assert standing_claim(tmp_path) is None
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("config", "named", "folder"),
    [
        ("", None, "home"),
        ("", "/elsewhere", "/elsewhere"),
        ('sqlite_home = "db"', "/elsewhere", "home/db"),
        ('sqlite_home = "/db"', None, "/db"),
        ("sqlite_home = 7", None, "home"),
        ("sqlite_home = ", "/elsewhere", "/elsewhere"),
    ],
)
def test_the_databases_lie_where_codex_is_told_to_keep_them(
    tmp_path: Path, config: str, named: str | None, folder: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(config)
    assert state_folder(home, named) == tmp_path / folder


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
