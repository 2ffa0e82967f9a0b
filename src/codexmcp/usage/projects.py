"""Which project a folder belongs to. Looks at folders, and changes nothing."""

from __future__ import annotations

from pathlib import Path


class Projects:
    """Finds the projects of folders, each folder once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, cwd: str) -> str:
        """Return the root of the git repository that a folder lies in, or the folder itself.

        Args:
            cwd: The folder, which may be gone; empty when it is unknown.
        """
        known = self._known.get(cwd)
        if known is None:
            known = self._known[cwd] = _root(cwd) if cwd else ""
        return known


def _root(cwd: str) -> str:
    folder = Path(cwd)
    if not folder.is_absolute():
        # Written by another system; it cannot be looked for here.
        return cwd
    try:
        for parent in (folder, *folder.parents):
            # A worktree and a submodule have a file of that name. Codex's sandbox leaves empty
            # folders of it behind, even in /tmp (measured on 0.163.0).
            if (parent / ".git" / "HEAD").exists() or (parent / ".git").is_file():
                return str(parent)
    except (OSError, ValueError):
        pass
    return cwd
