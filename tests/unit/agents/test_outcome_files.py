from __future__ import annotations

import os
from pathlib import Path

import pytest  # noqa: TC002 - a plugin reads these annotations

from codexmcp.agents import outcome
from codexmcp.agents.outcome import changed_files, take_snapshot


def test_new_and_changed_files_are_told_by_their_relative_paths(tmp_path: Path) -> None:
    for name in ("same.txt", "longer.txt", "touched.txt", "gone.txt"):
        (tmp_path / name).write_text("x")
    before = take_snapshot(tmp_path)
    (tmp_path / "longer.txt").write_text("xx")
    os.utime(tmp_path / "touched.txt", (1, 1))
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "new.txt").touch()
    changed = changed_files(before, take_snapshot(tmp_path))
    assert changed == ["deep/er/new.txt", "longer.txt", "touched.txt"]


def test_folders_of_tools_are_left_out(tmp_path: Path) -> None:
    for name in (".git", ".codex", "node_modules"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert take_snapshot(tmp_path) == {}


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert set(take_snapshot(tmp_path) or {}) == {"loop", "dangling"}


def test_beyond_the_bound_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "MAX_FILES", 2)
    before = take_snapshot(tmp_path)
    for name in "abc":
        (tmp_path / name).touch()
    assert take_snapshot(tmp_path) is None
    assert changed_files(before, take_snapshot(tmp_path)) == []


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert take_snapshot(tmp_path / "nothing") == {}
