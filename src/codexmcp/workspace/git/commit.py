"""Commit all changes of a repository, like `git add -A && git commit`.

For an untrusted repository and for paths not served, changes are found and staged without `git
add`. In submodules `git add` runs another git, with the submodule's configuration and filters; and
`git add` fails when told to exclude ignored files.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.answers import (
    added_nested,
    changed_files,
    filters_of,
    listed_paths,
    staged,
)
from codexmcp.workspace.git.errors import failure
from codexmcp.workspace.git.place import absolute
from codexmcp.workspace.git.session import Session
from codexmcp.workspace.git.withheld import expect_none_staged, partition_withheld
from codexmcp.workspace.threads import GIT

MAX_FILES = 200
"""Bound on the files listed in an answer."""

_LFS = "lfs"
_SUBMODULE = "160000"


async def commit(session: Session, message: str) -> dict[str, Any]:
    """Commit all changes.

    Raises:
        WorkspaceError: The commit failed.
    """
    git = session.git
    await _expect_no_conflicts(session)
    await expect_none_staged(session)
    left_out: dict[str, Any] = {}
    if session.sorted is None and not session.withheld:
        await git.out("add", "-A")
    else:
        left_out = await _stage(session)
    branch = await git.value("symbolic-ref", "--quiet", "--short", "HEAD")
    answer: dict[str, Any] = {"committed": False, "branch": branch, **left_out}
    if not await _has_something(session):
        return {**answer, "reason": "nothing to commit: the work tree is as the last commit"}
    ended = await git.run("commit", "--quiet", "--file=-", stdin=message.encode())
    if ended.code != 0:
        raise failure("commit", git.at, ended)
    if session.skipped_hooks:
        answer["hooksNotRun"] = list(session.skipped_hooks)
    return {**answer, **await _told(session)}


async def _expect_no_conflicts(session: Session) -> None:
    paths = list(staged(await session.git.out("ls-files", "--unmerged", "-z")))
    if paths:
        raise WorkspaceError(
            f"{len(paths)} file(s) in {session.git.at} have merge conflicts, such as {paths[0]}; "
            "resolve them, `git add` them by hand, and call again"
        )


async def _stage(session: Session) -> dict[str, Any]:
    """Stage all changes; return the excluded files for the answer."""
    git = session.git
    changed, withheld = partition_withheld(
        listed_paths(await git.out("ls-files", "--modified", "-z")), session.withheld
    )
    listed = listed_paths(await git.out("ls-files", "--others", "--exclude-standard", "-z"))
    found, more_withheld = partition_withheld(listed, session.withheld)
    new, nested = added_nested(found)
    replaced = await _replaced_by_folders(session, changed)
    paths = [path for path in (*changed, *new) if path not in replaced]
    await _expect_no_filters(session, paths)
    if replaced:
        removing = ("update-index", "--force-remove", "-z", "--stdin")
        await git.out(*removing, stdin=_joined(sorted(replaced)))
    if paths:
        adding = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
        await git.out(*adding, stdin=_joined(paths))
    left_out = {
        "nestedRepositoriesLeftOut": nested[:MAX_FILES],
        "notServedLeftOut": sorted({*withheld, *more_withheld}),
    }
    return {name: told for name, told in left_out.items() if told}


async def _expect_no_filters(session: Session, paths: list[str]) -> None:
    """Refuse files subject to a filter program from the repository's configuration."""
    if session.sorted is None or not paths:
        return
    listed = await session.git.out("check-attr", "--stdin", "-z", "filter", stdin=_joined(paths))
    for path, name in filters_of(listed):
        if name == _LFS:
            raise WorkspaceError(
                f"{path} belongs to Git LFS, which works by hooks; commit it by hand, or have the "
                "server trust its folders with --allow-git-hooks"
            )
        if name in session.sorted.filters:
            raise WorkspaceError(
                f"{path} goes through the command filter.{name}.clean of the repository's own "
                "configuration, which is not run; put it into the configuration of the server's "
                "user, or have the server trust its folders with --allow-git-hooks"
            )


async def _replaced_by_folders(session: Session, changed: list[str]) -> set[str]:
    """Return the files replaced by folders; git requires their removal first."""
    top = Path(absolute(session.repository.top))
    folders = await GIT.run(_folders, top, changed)
    if not folders:
        return set()
    modes = staged(await session.git.out("ls-files", "--stage", "-z"))
    return {path for path in folders if modes.get(path) != _SUBMODULE}


def _folders(top: Path, paths: list[str]) -> list[str]:
    found: list[str] = []
    for path in paths:
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.lstat(top / path).st_mode):
                found.append(path)
    return found


async def _has_something(session: Session) -> bool:
    git = session.git
    if await git.value("rev-parse", "--quiet", "--verify", "MERGE_HEAD"):
        return True
    if await git.value("rev-parse", "--quiet", "--verify", "HEAD") is None:
        return bool(await git.out("ls-files", "--cached", "-z"))
    ended = await git.run("diff-index", "--cached", "--quiet", "HEAD", "--")
    if ended.code not in {0, 1}:
        raise failure("diff-index", git.at, ended)
    return ended.code == 1


async def _told(session: Session) -> dict[str, Any]:
    git = session.git
    words = ("diff-tree", "--root", "--no-commit-id", "--name-status", "--no-renames", "-r", "-z")
    # Compared with the first parent only, so the list includes the changes of a merge.
    files = changed_files(await git.out(*words, "-m", "--first-parent", "HEAD"))
    told: dict[str, Any] = {
        "committed": True,
        "commit": await git.value("rev-parse", "--verify", "HEAD"),
        "files": files[:MAX_FILES],
        "fileCount": len(files),
    }
    return told


def _joined(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
