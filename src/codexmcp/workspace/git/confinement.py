"""Refuses a repository whose own files lead git out of the roots: links, and alternates.

Reads only. What it cannot promise: git opens files by their paths, so whoever changes the
repository's own folder while git works can still lead it elsewhere.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.place import Repository, read_small
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

_MAX_ALTERNATES_BYTES = 65536
_MAX_DEPTH = 5
"""Source: git follows alternates of alternates to this depth."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEP = frozenset({"refs", "logs", "info"})
_SHALLOW = frozenset({"objects"})
_UNUSED = frozenset({"hooks"})


def check(roots: Roots, repository: Repository) -> None:
    """Refuse a repository that leads out of the roots by its own files.

    Raises:
        WorkspaceError: It does; the message names the file.
    """
    for place in {repository.git_dir, repository.common_dir}:
        _refuse_links(roots, place)
    _refuse_alternates(roots, repository.common_dir.child("objects"), _MAX_DEPTH)


def _refuse_links(roots: Roots, git_dir: Location) -> None:
    """Refuse links where git would follow them, above all to write.

    Source: git 2.39 writes COMMIT_EDITMSG, index, logs and refs through links.
    """
    try:
        with roots.open_dir(git_dir) as folder:
            found = next(_links(folder.fd, ()), None)
    except OSError as error:
        raise WorkspaceError(
            f"{git_dir} cannot be looked through: {error.strerror}; mend its permissions"
        ) from None
    if found is not None:
        place = Location(git_dir.root, (*git_dir.names, *found))
        raise WorkspaceError(
            f"{place} is a symbolic link, by which git would write or read elsewhere; put a real "
            "file or folder there"
        )


def _links(folder: int, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the links below a folder of a repository's own, where git writes."""
    with os.scandir(folder) as found:
        entries = [entry for entry in found if names or entry.name not in _UNUSED]
    yield from ((*names, entry.name) for entry in entries if entry.is_symlink())
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and _is_entered((*names, entry.name)):
            inner = os.open(entry.name, _FOLDER, dir_fd=folder)
            try:
                yield from _links(inner, (*names, entry.name))
            finally:
                os.close(inner)


def _is_entered(names: tuple[str, ...]) -> bool:
    return names[0] in _DEEP or (names[0] in _SHALLOW and len(names) == 1)


def _refuse_alternates(roots: Roots, objects: Location, depth: int) -> None:
    """Refuse objects of other repositories that lie outside: they could be pushed."""
    with roots.open_dir(objects) as folder:
        if not (Path(folder.path) / "info").is_dir():
            return
    with roots.open_dir(objects.child("info")) as folder:
        data = read_small(folder, "alternates", _MAX_ALTERNATES_BYTES) or b""
    for line in _alternates(data, objects.child("info").child("alternates")):
        # Of `x/..`, git sees where it leads, which is elsewhere when `x` is a link.
        target = os.path.realpath(Path(objects.root.path, *objects.names, line))
        try:
            place = roots.locate(target)
            if depth:
                _refuse_alternates(roots, place, depth - 1)
        except WorkspaceError as error:
            raise WorkspaceError(
                f"{objects}/info/alternates borrows objects from {target}, which git may not "
                f"read: {error}"
            ) from None


def _alternates(data: bytes, place: Location) -> Iterator[str]:
    """Yield the lines of a file of alternates that name folders, refusing what is not plain.

    Source: git's `link_alt_odb_entries`: lines end at a line feed and at nothing else, and one that
    begins with a quotation mark is quoted as in C.
    """
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith('"') or any(unicodedata.category(letter) == "Cc" for letter in line):
            raise WorkspaceError(
                f"{place} has a line that is quoted or holds a control character: {line[:80]!r}; "
                "write the path as it is, or give its folder another name"
            )
        if line and not line.startswith("#"):
            yield line
