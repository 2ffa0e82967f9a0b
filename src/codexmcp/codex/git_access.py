"""Write access of sandboxed commands to a repository's git folder, to allow commits.

Codex's sandbox protects `.git`, because settings and hooks inside run programs at the user's next
git command, outside the sandbox. With `--allow-git`, everything else in the folder is writable.

Source: gitrepository-layout(5) and measurements with git 2.39 on 0.163.0. Codex mounts a protected
path, so the path cannot be written, renamed or removed; a missing protected path is covered by an
empty file while a command runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

_PROTECTED = (
    "hooks",
    "config",
    "config.worktree",
    # Attributes select programs from the user's settings.
    "info",
    # Further git folders, with hooks and settings.
    "modules",
    "worktrees",
    # Addresses of remotes for old versions of git.
    "remotes",
    "branches",
    "sequencer",
)
"""Protected entries of a git folder, existing or not."""

_IF_THERE = ("rebase-merge", "rebase-apply")
"""Entries protected only if present: their presence means a rebase in progress."""

_COMMON = "commondir"
"""Contains the path of the folder with the settings. Git refuses an empty file, so Codex must
not cover a missing one."""

_LINKED = (_COMMON, "gitdir", "config.worktree", *_IF_THERE, "sequencer")
"""Protected entries of a linked worktree's git folder."""


def git_access(cwd: Path) -> dict[str, str]:
    """Return the paths of a permissions profile that allows commits.

    Empty without a repository, or if opening the git folder would be unsafe; Codex then protects
    `.git`. Unsafe: `.git` is a symbolic link or belongs to another user; `.git` is a file with the
    path of a git folder without a path back to this worktree; the settings include other files or
    move the hooks.

    In a main git folder without `commondir`, the file is created with the folder's own path, so no
    command can create one with another path.

    Args:
        cwd: Absolute path of the working directory.
    """
    root = next((up for up in (cwd, *cwd.parents) if _exists(up / ".git")), None)
    if root is None:
        return {}
    try:
        paths = dict(_access(root))
    except (OSError, UnicodeDecodeError):
        paths = {}
    if not paths:
        logger.warning(
            "--allow-git has no effect in %s: its git folder is a link or another user's, or its "
            "settings include other files or move the hooks; commit yourself there",
            root,
        )
    return paths


def _access(root: Path) -> Iterator[tuple[str, str]]:
    marker = root / ".git"
    if _is_own(marker, stat.S_ISDIR):
        yield from _main(marker)
    elif _is_own(marker, stat.S_ISREG):
        folder = _named(marker, "gitdir: ", root)
        common = folder / _COMMON
        if common.is_file():
            yield from _worktree(root, folder, _named(common, "", folder))
        elif _is_submodule(root, folder):
            yield str(marker), "read"
            yield from _main(folder)


def _main(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the paths of a git folder with its own settings."""
    if not _is_git_folder(folder) or _is_spread(folder):
        return
    with contextlib.suppress(FileExistsError):
        made = os.open(folder / _COMMON, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(made, "w") as file:
            file.write(".\n")
    yield str(folder), "write"
    yield from _read(folder, [*_PROTECTED, _COMMON])


def _worktree(root: Path, folder: Path, common: Path) -> Iterator[tuple[str, str]]:
    """Yield the paths of a linked worktree: its git folder, and the common git folder."""
    is_listed = folder.parent == common / "worktrees"
    if not is_listed or _named(folder / "gitdir", "", folder) != root / ".git":
        return
    if not _is_own(folder, stat.S_ISDIR):
        return
    paths = dict(_main(common))
    if paths:
        yield str(root / ".git"), "read"
        yield from paths.items()
        # Files of the main worktree.
        yield from ((str(common / name), "read") for name in ("HEAD", "index"))
        yield str(folder), "write"
        yield from _read(folder, _LINKED)


def _read(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in (*names, *_IF_THERE):
        if name not in _IF_THERE or _exists(folder / name):
            yield str(folder / name), "read"


def _is_submodule(root: Path, folder: Path) -> bool:
    """Return whether a git folder belongs to a submodule with a path back to the worktree."""
    text = (folder / "config").read_text(encoding="utf-8")
    values = [line.partition("=")[2].strip() for line in text.splitlines() if "worktree" in line]
    return any(value and _joined(folder, value) == root for value in values)


def _is_git_folder(folder: Path) -> bool:
    folders = (folder, folder / "objects", folder / "refs")
    return all(_is_own(each, stat.S_ISDIR) for each in folders) and all(
        _is_own(folder / name, stat.S_ISREG) for name in ("HEAD", "config")
    )


def _is_spread(folder: Path) -> bool:
    """Return whether settings or hooks are outside of protection: behind a link or in another file.

    A link in the git folder could be replaced, and an included file could be written to.
    """
    names = (*_PROTECTED, _COMMON, *_IF_THERE, "HEAD", "objects", "refs")
    if any((folder / name).is_symlink() for name in names):
        return True
    text = (folder / "config").read_text(encoding="utf-8").lower()
    return "[include" in text or "hookspath" in text


def _is_own(path: Path, is_kind: Callable[[int], bool]) -> bool:
    """Return whether a path has a file type and belongs to this user; False for a link."""
    status = path.lstat()
    return is_kind(status.st_mode) and status.st_uid == os.geteuid()


def _named(file: Path, prefix: str, base: Path) -> Path:
    """Return the path in a git file, with links resolved."""
    return _joined(base, file.read_text(encoding="utf-8").strip().removeprefix(prefix))


def _joined(base: Path, name: str) -> Path:
    return Path(os.path.realpath(base / name))


def _exists(path: Path) -> bool:
    return os.path.lexists(path)
