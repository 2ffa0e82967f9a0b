"""No folder becomes a repository, whose config the user's own git would obey, file by file."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.workspace_tools import Tools, fill

BARE = {
    "HEAD": "ref: refs/heads/main\n",
    "objects/k": "",
    "refs/k": "",
    "config": "[core]\n\tbare = true\n",
    "commondir": "../common\n",
}
"""The files of a bare repository."""

BOUND_S = 30.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fill(tmp_path / "root", {"README.md": "# R\n"})


@pytest.fixture
def tools(root: Path) -> Tools:
    return Tools(root)


def _is_repository(folder: Path) -> bool:
    """Return whether git takes a folder for a repository's own."""
    ran = subprocess.run(
        ["git", "rev-parse", "--git-dir"],  # noqa: S607 - the machine's own, whatever it is
        cwd=folder,
        env={"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        timeout=BOUND_S,
        check=False,
    )
    return ran.returncode == 0


@pytest.mark.parametrize(
    "order", [*itertools.permutations(["HEAD", "objects/k", "refs/k", "config"])], ids=" ".join
)
async def test_no_bare_repository_comes_into_being_file_by_file(
    root: Path, tools: Tools, order: tuple[str, ...]
) -> None:
    refused = 0
    for path in order:
        try:
            await tools("write", path=f"bare/{path}", content=BARE[path], create_parents=True)
        except WorkspaceError as error:
            assert "belongs to git" in str(error)  # noqa: PT017 - which one depends on the order
            refused += 1
    assert refused
    assert not _is_repository(root / "bare")


@pytest.mark.parametrize("order", [("commondir", "HEAD"), ("HEAD", "commondir")], ids=" ".join)
async def test_no_repository_comes_into_being_by_borrowing_what_it_lacks(
    root: Path, tools: Tools, order: tuple[str, str]
) -> None:
    for path in ("objects/k", "refs/k", "config"):
        await tools("write", path=f"common/{path}", content=BARE[path], create_parents=True)
    await tools("write", path=f"bare/{order[0]}", content=BARE[order[0]], create_parents=True)
    with pytest.raises(WorkspaceError, match=rf"with {order[1]}, bare would be a folder that"):
        await tools("write", path=f"bare/{order[1]}", content=BARE[order[1]])
    assert not _is_repository(root / "bare")


def test_git_itself_takes_such_folders_for_repositories(root: Path) -> None:
    fill(root, {f"bare/{path}": content for path, content in BARE.items() if path != "commondir"})
    fill(root, {f"common/{path}": BARE[path] for path in ("objects/k", "refs/k", "config")})
    fill(root, {f"borrower/{path}": BARE[path] for path in ("HEAD", "commondir")})
    assert _is_repository(root / "bare")
    assert not _is_repository(root / "common")
    assert _is_repository(root / "borrower")


async def test_two_that_write_at_once_make_no_bare_repository(root: Path, tools: Tools) -> None:
    for number in range(20):
        bare = f"bare{number}"
        await tools("write", path=f"{bare}/objects/k", content="", create_parents=True)
        calls = [
            tools("write", path=f"{bare}/{path}", content=BARE[path], create_parents=True)
            for path in ("HEAD", "refs/k")
        ]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(isinstance(each, WorkspaceError) for each in done) == [False, True]
        assert not _is_repository(root / bare)
