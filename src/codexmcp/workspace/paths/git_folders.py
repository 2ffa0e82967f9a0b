"""Which folders git takes for a repository's own, wherever they lie: bare ones above all.

git runs what the config of such a folder names, as soon as its user works there. So nothing is
written into one, and none comes into being name by name.
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
    """Return the error about a place that belongs to git."""
    return WorkspaceError(
        f"{place} belongs to git, which runs what its files name, so nothing is written there; use "
        "git's own commands"
    )


def is_part_of_git_folder(name: str) -> bool:
    """Return whether a name is one of those that make a folder a repository's own.

    Args:
        name: One part of a path.
    """
    return _folded(name) in {_HEAD, _COMMON, *_SHARED}


def makes_git_folder(names: frozenset[str]) -> bool:
    """Return whether git takes a folder with these names for a repository's own.

    Args:
        names: Those of its names for which `is_part_of_git_folder` holds, in lower case.

    Source: git's `is_git_directory`: a `HEAD`, and `objects` and `refs` of any kind, there or
    where `commondir` leads. Tried out with git 2.39.
    """
    return _HEAD in names and (_COMMON in names or names.issuperset(_SHARED))


def refuse_git_folder(folder: int, place: Location) -> None:
    """Refuse to write in a folder that is a repository's own, or becomes one by that.

    Args:
        folder: Its descriptor.
        place: What is written or entered in it.

    Raises:
        WorkspaceError: It is one, or would be.
    """
    found = frozenset(_folded(name) for name in _NAMES if _has(folder, name))
    outer = place.first(len(place.names) - 1)
    if makes_git_folder(found):
        raise of_git(outer)
    # In any case, because some file systems do not tell cases apart.
    if makes_git_folder(found | {_folded(place.names[-1])}):
        raise WorkspaceError(
            f"with {place.names[-1]}, {outer} would be a folder that belongs to git, which runs "
            "what its files name; use git's own commands, or choose another name"
        )


def _has(folder: int, name: str) -> bool:
    # A link that leads nowhere yet counts. In what cannot be searched, nothing can be written.
    with contextlib.suppress(OSError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
