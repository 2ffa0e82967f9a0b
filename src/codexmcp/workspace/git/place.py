"""Find the repository of a folder, with its work tree and git folder in the roots.

Reads only, and runs no program. git itself would also search above the roots.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import Identity, identity
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.names import is_git_name
from codexmcp.workspace.paths.roots import ConfinedDir, Roots

_MAX_POINTER_BYTES = 8192
_MAX_CONFIG_BYTES = 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A repository with a work tree.

    Attributes:
        top: The work tree.
        git_dir: The folder of HEAD and index.
        common_dir: The folder of objects, refs and configuration; equal to `git_dir` except for
            linked work trees.
        identity: Identifies the repository independently of the path.
    """

    top: Location
    git_dir: Location
    common_dir: Location
    identity: Identity


def absolute(place: Location) -> str:
    """Return the absolute path of a location."""
    return str(Path(place.root.path, *place.names))


def find(roots: Roots, folder: str) -> GitRepository:
    """Return the repository of a folder.

    Args:
        roots: The bound for all parts of the repository.
        folder: The work tree, or a folder in it.

    Raises:
        WorkspaceError: No repository, or a part outside the roots.
    """
    place = roots.locate(folder)
    if any(is_git_name(name) for name in place.names):
        raise WorkspaceError(f"{place} is in a repository's own folder; name its work tree")
    with roots.open_dir(place):
        top = _top(roots, place)
    with roots.open_dir(top) as opened:
        git_dir = _git_dir(roots, opened)
    with roots.open_dir(git_dir) as opened:
        common_dir = _common_dir(roots, opened)
    with roots.open_dir(common_dir) as opened:
        return GitRepository(top, git_dir, common_dir, identity(os.fstat(opened.fd)))


def read_config(roots: Roots, place: Location) -> bytes:
    """Return a repository's configuration file; empty if missing.

    Raises:
        WorkspaceError: The file is unreadable or too large.
    """
    with roots.open_dir(place.first(len(place.names) - 1)) as folder:
        return read_small(folder, place.names[-1], _MAX_CONFIG_BYTES) or b""


def hooks(roots: Roots, repository: GitRepository) -> list[str]:
    """Return the names of the repository's own hooks; empty for an unreadable folder."""
    try:
        with (
            roots.open_dir(repository.common_dir.child("hooks")) as folder,
            os.scandir(folder.fd) as entries,
        ):
            # The samples of git's templates end in `.sample`.
            return sorted(
                entry.name
                for entry in entries
                if "." not in entry.name and entry.is_file() and entry.stat().st_mode & 0o111
            )
    except (OSError, WorkspaceError):
        return []


def read_small(folder: ConfinedDir, name: str, max_bytes: int) -> bytes | None:
    """Return a small file of a folder, or None if missing.

    Raises:
        WorkspaceError: Unreadable, not a regular file, or larger than `max_bytes`.
    """
    place = folder.place.child(name)
    try:
        file = os.open(name, _READ, dir_fd=folder.fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorkspaceError(
            f"{place} cannot be read: {error.strerror}; it must be a file, and no link"
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise WorkspaceError(f"{place} is not a file; remove it")
        with open(file, "rb", closefd=False) as stream:
            data = stream.read(max_bytes + 1)
    finally:
        os.close(file)
    if len(data) > max_bytes:
        raise WorkspaceError(f"{place} is larger than {max_bytes} bytes, too large for such a file")
    return data


def _top(roots: Roots, place: Location) -> Location:
    for count in range(len(place.names), -1, -1):
        with roots.open_dir(place.first(count)) as folder:
            if _is_top(folder):
                return place.first(count)
    above = next((path for path in Path(place.root.path).parents if _looks_like_top(path)), None)
    if above is not None:
        raise WorkspaceError(
            f"{place} belongs to the repository {above}, which is not in the folders that are "
            "served; its owner can add it to AGENTOS_FS_ROOTS"
        )
    raise WorkspaceError(f"{place} is not in a git repository; run `git init` there first")


def _is_top(folder: ConfinedDir) -> bool:
    status = _lstat(folder, ".git")
    if status is None:
        return False
    # Like git, the search continues upwards from a folder without a repository.
    return not stat.S_ISDIR(status.st_mode) or _lstat(folder, ".git/HEAD") is not None


def _looks_like_top(path: Path) -> bool:
    return (path / ".git").is_file() or (path / ".git" / "HEAD").exists()


def _git_dir(roots: Roots, top: ConfinedDir) -> Location:
    entry, status = top.place.child(".git"), _lstat(top, ".git")
    if status is not None and stat.S_ISDIR(status.st_mode):
        return entry
    if status is None or not stat.S_ISREG(status.st_mode):
        raise WorkspaceError(
            f"{entry} is neither a folder nor a file, and links are not followed; put the "
            "repository itself there"
        )
    text = _pointer(top, ".git").strip()
    if not text.startswith("gitdir:"):
        raise WorkspaceError(f"{entry} does not say `gitdir: PATH`; run `git worktree repair`")
    return _leads_to(roots, top, text.removeprefix("gitdir:").strip(), ".git")


def _common_dir(roots: Roots, git_dir: ConfinedDir) -> Location:
    if _lstat(git_dir, "commondir") is None:
        return git_dir.place
    return _leads_to(roots, git_dir, _pointer(git_dir, "commondir").strip(), "commondir")


def _leads_to(roots: Roots, folder: ConfinedDir, path: str, name: str) -> Location:
    """Return the location named by a file."""
    target = os.path.normpath(Path(folder.path, path))
    try:
        place = roots.locate(target)
        with roots.open_dir(place):
            return place
    except WorkspaceError as error:
        raise WorkspaceError(
            f"{folder.place.child(name)} leads to {target}, which git may not use: {error}"
        ) from None


def _pointer(folder: ConfinedDir, name: str) -> str:
    data = read_small(folder, name, _MAX_POINTER_BYTES) or b""
    return data.decode("utf-8", "surrogateescape")


def _lstat(folder: ConfinedDir, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except OSError:
        return None
