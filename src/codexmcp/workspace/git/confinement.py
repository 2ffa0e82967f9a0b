"""Refuse repositories with links or alternates out of the roots.

Reads only. Limitation: git opens files by path, so a concurrent change of the repository's own
folder can still redirect git.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.place import GitRepository, read_small
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

_MAX_ALTERNATES_BYTES = 65536
_MAX_DEPTH = 5
"""Source: git's bound on the depth of nested alternates."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEP = frozenset({"refs", "logs", "info"})
_SHALLOW = frozenset({"objects"})
_UNUSED = frozenset({"hooks"})


def check(roots: Roots, repository: GitRepository) -> None:
    """Refuse a repository with files that lead out of the roots.

    Raises:
        WorkspaceError: Such a file exists; the message names the file.
    """
    for place in {repository.git_dir, repository.common_dir}:
        _refuse_links(roots, place)
    _refuse_alternates(roots, repository.common_dir.child("objects"), _MAX_DEPTH)


def _refuse_links(roots: Roots, git_dir: Location) -> None:
    """Refuse links where git would follow them, mainly for writing.

    Source: git 2.39 writes COMMIT_EDITMSG, index, logs and refs through links.
    """
    try:
        with roots.open_dir(git_dir) as folder:
            found = next(_links(folder.fd, ()), None)
    except OSError as error:
        raise WorkspaceError(
            f"{git_dir} is not readable: {error.strerror}; fix its permissions"
        ) from None
    if found is not None:
        place = Location(git_dir.root, (*git_dir.names, *found))
        raise WorkspaceError(
            f"{place} is a symbolic link, so git would write or read elsewhere; put a real "
            "file or folder there"
        )


def _links(folder: int, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the links below a repository's own folder, in the parts written by git."""
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
    """Refuse objects of repositories outside the roots: a push could publish them."""
    with roots.open_dir(objects) as folder:
        if not (Path(folder.path) / "info").is_dir():
            return
    with roots.open_dir(objects.child("info")) as folder:
        data = read_small(folder, "alternates", _MAX_ALTERNATES_BYTES) or b""
    for line in _alternates(data, objects.child("info").child("alternates")):
        # git resolves `x/..` by the file system, with another result when `x` is a link.
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
    """Yield the folders of an alternates file, refusing special syntax.

    Source: git's `link_alt_odb_entries`: lines end at a line feed only, and a leading quotation
    mark means C quoting.
    """
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith('"') or any(unicodedata.category(letter) == "Cc" for letter in line):
            raise WorkspaceError(
                f"{place} has a line that is quoted or holds a control character: {line[:80]!r}; "
                "write the path as it is, or give its folder another name"
            )
        if line and not line.startswith("#"):
            yield line
