"""Detection of folders treated by git as its own, including bare repositories.

git runs programs named in the config of such a folder as soon as a user works there. Nothing is
therefore written into such folders, and none can be created name by name.
"""

from __future__ import annotations

import contextlib
import os
import unicodedata

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location

_NAMES = ("HEAD", "commondir", "objects", "refs")
_HEAD, _COMMON, *_SHARED = (name.lower() for name in _NAMES)


def of_git(place: Location) -> WorkspaceError:
    """Return the error for a location owned by git."""
    return WorkspaceError(
        f"{place} belongs to git, which runs what its files name, so nothing is written there; use "
        "git's own commands"
    )


def is_part_of_git_folder(name: str) -> bool:
    """Return True for a name typical of a repository's own folder.

    Args:
        name: A single part of a path.
    """
    return _folded(name) in {_HEAD, _COMMON, *_SHARED}


def makes_git_folder(names: frozenset[str]) -> bool:
    """Return True if git treats a folder with these names as a repository's own.

    Args:
        names: The names accepted by `is_part_of_git_folder`, in lower case.

    Source: git's `is_git_directory`: a `HEAD`, and `objects` and `refs` of any kind, in the folder
    or behind `commondir`. Confirmed with git 2.39.
    """
    return _HEAD in names and (_COMMON in names or names.issuperset(_SHARED))


def refuse_git_folder(folder: int, place: Location) -> None:
    """Refuse writes into a repository's own folder, or a folder about to become one.

    Args:
        folder: The folder's descriptor.
        place: The entry to write or enter.

    Raises:
        WorkspaceError: The folder is, or would become, a repository's own.
    """
    found = frozenset(_folded(name) for name in _NAMES if _has(folder, name))
    outer = place.first(len(place.names) - 1)
    if makes_git_folder(found):
        raise of_git(outer)
    # In any case, since some file systems ignore case.
    if makes_git_folder(found | {_folded(place.names[-1])}):
        raise WorkspaceError(
            f"with {place.names[-1]}, {outer} would be a folder that belongs to git, which runs "
            "what its files name; use git's own commands, or choose another name"
        )


def _has(folder: int, name: str) -> bool:
    # A broken link counts. In a folder without search permission nothing can be written.
    with contextlib.suppress(OSError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
