"""Prevents Codex from writing "trusted" into the user's config.toml.

Source: `thread/start` with an explicit cwd and a writable sandbox appends `[projects."<root>"]
trust_level = "trusted"` to config.toml (measured on 0.153.4, 0.163.0 and 0.169.0), and so does
`codex exec` up to 0.163.0. The removed server never did. An untrusted entry for the project, in the
settings of the single thread, prevents the write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.jsonvalues import dig

UNTRUSTED = {"trust_level": "untrusted"}


def project_roots(cwd: Path) -> list[str]:
    """Return the folders of Codex's project lookup: cwd and its git roots."""
    roots: list[str] = []
    for start in dict.fromkeys((cwd, _resolved(cwd))):
        roots.append(str(start))
        root = next((up for up in (start, *start.parents) if _has_git(up)), None)
        if root is not None:
            roots += [str(root), *_main_worktree(root)]
    return list(dict.fromkeys(roots))


def untrusted_projects(cwd: Path, projects: Mapping[str, Any]) -> dict[str, Any]:
    """Return `projects` settings for a thread; empty if the user has already decided.

    Args:
        cwd: The thread's working directory.
        projects: The `[projects]` table of config.toml.
    """
    roots = project_roots(cwd)
    if any(root in projects for root in roots):
        return {}
    return {root: dict(UNTRUSTED) for root in roots}


def is_trusted(cwd: Path, projects: Mapping[str, Any]) -> bool:
    """Return whether the user trusts the project of a folder.

    Args:
        cwd: A working directory.
        projects: The `[projects]` table of config.toml.
    """
    levels = (dig(projects, root, "trust_level") for root in project_roots(cwd))
    return next((level for level in levels if level is not None), None) == "trusted"


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links (up to 3.12), or no possible path
        return path


def _has_git(folder: Path) -> bool:
    try:
        return (folder / ".git").exists()
    except OSError:  # no permission, or an impossible path
        return False


def _main_worktree(root: Path) -> list[str]:
    """Return the main checkout of a linked worktree, from the path in its `.git` file."""
    marker = root / ".git"
    if not marker.is_file():
        return []
    text = marker.read_text(encoding="utf-8", errors="replace").strip()
    git_dir = (root / text.removeprefix("gitdir:").strip()).resolve()
    common = next((up for up in git_dir.parents if up.name == ".git"), None)
    return [str(common.parent)] if common else []
