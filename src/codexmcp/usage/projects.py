"""The project of a folder. Reads folders only."""

from __future__ import annotations

from pathlib import Path


class Projects:
    """Find the projects of folders, with a cache."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, cwd: str) -> str:
        """Return the root of the folder's git repository, or the folder itself.

        Args:
            cwd: The folder, possibly deleted; empty if unknown.
        """
        known = self._known.get(cwd)
        if known is None:
            known = self._known[cwd] = _root(cwd) if cwd else ""
        return known


def _root(cwd: str) -> str:
    folder = Path(cwd)
    if not folder.is_absolute():
        # A path of another system, not available here.
        return cwd
    try:
        for parent in (folder, *folder.parents):
            # Worktrees and submodules have a file `.git`. Codex's sandbox leaves empty folders of
            # this name behind, even in /tmp (measured on 0.163.0).
            if (parent / ".git" / "HEAD").exists() or (parent / ".git").is_file():
                return str(parent)
    except (OSError, ValueError):
        pass
    return cwd
