from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError, DeadlineError
from codexmcp.home.applying import LOCK_FILE, apply, locked
from codexmcp.home.atomic_write import temporary
from codexmcp.home.changes import FileChange

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def test_what_is_replaced_is_kept_beside_it_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"old")
    file.chmod(0o640)
    assert apply([FileChange(file, b"old", b"new")], NOW) == [
        tmp_path / "config.toml.bak-20261121T120000Z"
    ]
    assert file.read_bytes() == b"new"
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert (tmp_path / "config.toml.bak-20261121T120000Z").read_bytes() == b"old"


def test_copies_of_the_same_second_do_not_replace_each_other(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"1")
    first = apply([FileChange(file, b"1", b"2")], NOW)
    second = apply([FileChange(file, b"2", b"3")], NOW)
    assert [path.read_bytes() for path in first + second] == [b"1", b"2"]


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    assert apply([FileChange(file, None, b"x")]) == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_is_deleted_and_a_copy_stays(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x")
    (copy,) = apply([FileChange(file, b"x", None)])
    assert not file.exists()
    assert copy.read_bytes() == b"x"


def test_nothing_is_written_when_one_of_the_files_was_changed_meanwhile(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    second.write_bytes(b"theirs")
    with pytest.raises(ConfigurationError, match="changed by another program"):
        apply([FileChange(first, None, b"x"), FileChange(second, b"mine", b"new")])
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_bytes(b"old")
    link.symlink_to(target)
    apply([FileChange(link, b"old", b"new")])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_what_a_killed_command_left_over_is_cleaned_up(tmp_path: Path) -> None:
    Path(temporary(str(tmp_path / "f"))).write_bytes(b"half")
    apply([FileChange(tmp_path / "f", None, b"x")])
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_cannot_be_written_to_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="cannot"):
        apply([FileChange(tmp_path / "file" / "below", None, b"x")])


def test_a_second_command_waits_for_the_first_and_not_for_ever(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        locked(home),
        pytest.raises(DeadlineError, match="another codexmcp command"),
        locked(home, timeout_s=0.0),
    ):
        pass
    with locked(home, timeout_s=0.0):
        assert os.listdir(home) == [LOCK_FILE]  # noqa: PTH208 - names alone
