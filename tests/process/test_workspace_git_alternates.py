"""No repository borrows objects from outside the roots, however it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.git_ground import GitGround


@pytest.fixture
def ground(tmp_path: Path) -> GitGround:
    ground = GitGround(tmp_path)
    (ground.repo / "new.txt").write_text("new\n")
    return ground


@pytest.fixture
def theirs(ground: GitGround) -> Path:
    """The objects of a repository outside, with a file of its own."""
    ground.init(ground.outside / "other")
    (ground.outside / "other" / "only").write_text("outside\n")
    ground.git("add", "-A", cwd=ground.outside / "other")
    ground.git("commit", "-q", "-m", "outside", cwd=ground.outside / "other")
    return ground.outside / "other" / ".git" / "objects"


async def _expect_refused(ground: GitGround, line: str, theirs: Path, words: str) -> None:
    alternates = ground.repo / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{line}\n", newline="")
    commit = ground.git("rev-parse", "HEAD", cwd=theirs.parent.parent).strip()
    # Else git itself would not follow it, and it were no trap.
    assert ground.git("cat-file", "-t", commit) == "commit\n"
    with pytest.raises(WorkspaceError, match=words):
        await ground.commit()


async def test_a_line_that_is_quoted_as_in_c_is_refused(ground: GitGround, theirs: Path) -> None:
    # A folder that has that name, quotation marks included.
    (ground.repo / ".git" / "objects" / f'"{theirs}"').mkdir(parents=True)

    await _expect_refused(ground, f'"{theirs}"', theirs, "has a line that is quoted")


@pytest.mark.parametrize(
    ("end", "words"),
    [("\v", "control character"), ("\f", "control character"), ("\u2028", "borrows objects")],
)
async def test_a_line_ends_where_git_says_so(
    ground: GitGround, theirs: Path, end: str, words: str
) -> None:
    # Cut in two, it would name two folders in the root.
    (ground.root / "near").mkdir()
    (ground.repo / ".git" / "objects" / "near").mkdir()
    (ground.root / f"near{end}near").symlink_to(theirs)

    await _expect_refused(ground, f"{ground.root}/near{end}near", theirs, words)


async def test_dots_behind_a_link_are_taken_as_git_does(ground: GitGround, theirs: Path) -> None:
    folder = ground.repo / ".git" / "objects" / "ab"
    (folder / "objects").mkdir(parents=True)
    (folder / "link").symlink_to(theirs.parent / "refs")

    await _expect_refused(ground, "ab/link/../objects", theirs, "borrows objects")
