from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.codex.trust import project_roots, untrusted_projects

UNTRUSTED = {"trust_level": "untrusted"}


def roots_below(folder: Path, cwd: Path) -> list[str]:
    """Return the roots in a folder; above it, the machine may have a `.git` of its own."""
    return [root for root in project_roots(cwd) if Path(root).is_relative_to(folder)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "src" / "deep").mkdir(parents=True)
    return tmp_path / "repo"


@pytest.fixture
def worktree(repository: Path) -> Path:
    """A linked worktree as `git worktree add` leaves it."""
    git_dir = repository / ".git" / "worktrees" / "topic"
    git_dir.mkdir(parents=True)
    folder = repository.parent / "topic"
    (folder / "src").mkdir(parents=True)
    (folder / ".git").write_text(f"gitdir: {git_dir}\n")
    return folder


def test_a_folder_outside_of_git_is_its_own_root(tmp_path: Path) -> None:
    assert roots_below(tmp_path, tmp_path) == [str(tmp_path)]


def test_the_root_of_the_repository_is_found_from_below(repository: Path) -> None:
    cwd = repository / "src" / "deep"
    assert project_roots(cwd) == [str(cwd), str(repository)]


def test_the_root_of_the_repository_is_named_once(repository: Path) -> None:
    assert project_roots(repository) == [str(repository)]


def test_a_worktree_also_has_the_main_checkout_as_its_root(
    repository: Path, worktree: Path
) -> None:
    cwd = worktree / "src"
    assert project_roots(cwd) == [str(cwd), str(worktree), str(repository)]


def test_a_worktree_may_point_to_its_checkout_by_a_relative_path(
    repository: Path, worktree: Path
) -> None:
    (worktree / ".git").write_text("gitdir: ../repo/.git/worktrees/topic\n")
    assert str(repository) in project_roots(worktree)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"gitdir:", b"gitdir: /nowhere/at/all"])
def test_a_marker_that_points_nowhere_adds_no_root(worktree: Path, content: bytes) -> None:
    (worktree / ".git").write_bytes(content)
    assert project_roots(worktree) == [str(worktree)]


def test_a_link_is_named_by_both_of_its_paths(repository: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(repository / "src")
    roots = roots_below(tmp_path, link)
    assert roots == [str(link), str(repository / "src"), str(repository)]


def test_a_folder_that_does_not_exist_or_cannot_is_its_own_root(tmp_path: Path) -> None:
    for cwd in (tmp_path / "none", tmp_path / ("x" * 300)):
        assert roots_below(tmp_path, cwd) == [str(cwd)]


def test_a_link_to_itself_is_its_own_root(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert roots_below(tmp_path, loop) == [str(loop)]


def test_every_root_is_named_untrusted(repository: Path) -> None:
    cwd = repository / "src"
    assert untrusted_projects(cwd, {}) == {str(cwd): UNTRUSTED, str(repository): UNTRUSTED}


@pytest.mark.parametrize("level", ["trusted", "untrusted"])
def test_what_the_user_has_decided_stays(repository: Path, worktree: Path, level: str) -> None:
    projects = {str(repository): {"trust_level": level}}
    assert untrusted_projects(repository / "src", projects) == {}
    assert untrusted_projects(worktree, projects) == {}


def test_a_decision_about_another_project_changes_nothing(repository: Path) -> None:
    projects = {"/elsewhere": {"trust_level": "trusted"}}
    assert untrusted_projects(repository, projects) == {str(repository): UNTRUSTED}
