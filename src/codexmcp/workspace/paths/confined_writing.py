"""Open the folder of a file to write.

In addition to `confined`: no writes into a repository's own folder, since git runs programs named
by its config and hooks; and new names must be portable.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import (
    Identity,
    has_entry,
    open_root,
    refusal,
    refuse_withheld,
    step,
)
from codexmcp.workspace.paths.git_folders import (
    is_part_of_git_folder,
    of_git,
    refuse_git_folder,
)
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.names import fault_of_new_name, is_git_name

# Between the check of a folder and a new name in it no other call of this server may add the other
# names of a repository.
_building = threading.Lock()


@contextlib.contextmanager
def opened_for_writing(
    place: Location, withheld: frozenset[Identity] = frozenset(), *, create_parents: bool = False
) -> Generator[int]:
    """Provide the descriptor of the folder of a file to write.

    Created folders are removed again after an error in the context.

    Args:
        place: The file.
        withheld: Inodes not to open.
        create_parents: Create missing folders.

    Raises:
        WorkspaceError: A folder is missing, not a folder, behind a link, or git's own.
    """
    _refuse_git_names(place)
    with contextlib.ExitStack() as opened, contextlib.ExitStack() as made:
        if any(is_part_of_git_folder(name) for name in place.names):
            opened.enter_context(_building)
        folder = open_root(place, to_list=len(place.names) == 1)
        opened.callback(os.close, folder)
        refuse_withheld(folder, place.first(0), withheld)
        refuse_git_folder(folder, place.first(1))
        for count, name in enumerate(place.names[:-1], 1):
            here = place.first(count)
            if not has_entry(folder, name):
                if not create_parents:
                    raise WorkspaceError(
                        f"the folder {here} does not exist; set `create_parents` to make it"
                    )
                _make(folder, here, made)
            is_last = count == len(place.names) - 1
            below = step(folder, name, here, count, to_list=is_last)
            opened.callback(os.close, below)
            refuse_withheld(below, here, withheld)
            _refuse_same_as_git(folder, below, here)
            refuse_git_folder(below, place.first(count + 1))
            folder = below
        yield folder
        made.pop_all()


def _refuse_git_names(place: Location) -> None:
    if not place.names:
        raise WorkspaceError(f"{place} is a folder, not a file; name a file in it")
    for count, name in enumerate(place.names, 1):
        if is_git_name(name):
            raise of_git(place.first(count))


def refuse_new_name(place: Location) -> None:
    """Refuse an unsafe or non-portable name for a new entry.

    Raises:
        WorkspaceError: The name is not suitable for new files.
    """
    fault = fault_of_new_name(place.names[-1])
    if fault is not None:
        raise WorkspaceError(
            f"a new entry cannot be named {place.names[-1]!r}: {fault}; choose another name"
        )


def _make(folder: int, place: Location, made: contextlib.ExitStack) -> None:
    refuse_new_name(place)
    name = place.names[-1]
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return
    except OSError as error:
        raise refusal(error, place, folder, "a folder") from None
    made.callback(_unmake, folder, name)


def _unmake(folder: int, name: str) -> None:
    # Entries of others keep the folder.
    with contextlib.suppress(OSError):
        os.rmdir(name, dir_fd=folder)


def _refuse_same_as_git(outer: int, inner: int, place: Location) -> None:
    """Refuse a folder that the file system also finds as `.git`, in any spelling."""
    with contextlib.suppress(FileNotFoundError):
        git = os.stat(".git", dir_fd=outer, follow_symlinks=False)
        if os.path.samestat(git, os.fstat(inner)):
            raise of_git(place)
