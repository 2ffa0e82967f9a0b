"""Opens and creates the folders of audit files, without following planted links.

A project may come from anybody, and a run may replace its folder, or a folder in it, by a link. So
the default place is resolved once, before the run, and from then on no link on the path is
followed. A folder named by the user may be a link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import AuditError
from codexmcp.runs.audit.names import CODEX_FOLDER, OWN_PARTS

RUN_DIR_SETTING = "CODEX_MCP_WRAPPER_RUN_DIR"
POINTER_DIR_SETTING = "CODEX_MCP_WRAPPER_POINTER_DIR"

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Linux passes through folders without the right to list them.
_THROUGH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_OTHERS = 0o077
_REASONS = {
    errno.EACCES: "there is no permission",
    errno.EPERM: "it belongs to somebody else, or there is no permission",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the limit on the size of files is reached",
    errno.ENOENT: "a folder above it does not exist",
    errno.ENOTDIR: "a file or a symbolic link stands where a folder must be",
    errno.ELOOP: "a symbolic link stands in its place",
    errno.EISDIR: "a folder stands in its place",
    errno.ENXIO: "a pipe stands in its place",
    errno.EINVAL: "it is not a regular file",
    errno.EMLINK: "it is the same file as another one, by a hard link",
    errno.EEXIST: "it exists already",
    errno.EMFILE: "this process has no file descriptors left",
}


@dataclass(slots=True)
class CreatedPaths:
    """Created folders and files, for an undo."""

    folders: list[Path] = field(default_factory=list[Path])
    ignore_files: list[Path] = field(default_factory=list[Path])

    def undo(self) -> None:
        """Remove the created files and folders, except folders with new content."""
        for path in self.ignore_files:
            with contextlib.suppress(OSError):
                path.unlink()
        for path in reversed(self.folders):
            with contextlib.suppress(OSError):
                path.rmdir()


def audit_error(path: Path, error: OSError, setting: str = RUN_DIR_SETTING) -> AuditError:
    """Return the error for audit files that cannot be written.

    Args:
        path: The target of the write.
        error: The system's error.
        setting: The setting with an alternative folder.
    """
    reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return AuditError(
        f"cannot write the audit files of runs: {path}: {reason}."
        f" Put that right, or name another folder by {setting}."
    )


@contextlib.contextmanager
def opened(path: Path, made: CreatedPaths | None = None) -> Generator[int]:
    """Hold a folder of audit files open, as a descriptor.

    Args:
        path: The folder.
        made: Record of created folders; missing folders are created. None: nothing is created.

    Raises:
        OSError: The folder is missing, belongs to another user, or is redirected by a link.
    """
    descriptor = _open(path, made)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def opened_inner(folder: int, name: str, *, make: bool = False) -> Generator[int]:
    """Hold a folder within an open one open; see `opened`.

    Args:
        folder: Descriptor of the outer folder.
        name: Name of the inner folder.
        make: Create a missing folder.
    """
    if make:
        _make(name, folder)
    descriptor = _open_real(name, folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, made: CreatedPaths | None) -> int:
    if path.parts[-len(OWN_PARTS) :] != OWN_PARTS:
        return _open_named(path, made)
    project = path.parents[len(OWN_PARTS) - 1]
    descriptor = _open_project(project, made)
    for depth, name in enumerate(OWN_PARTS, 1):
        outer = descriptor
        try:
            descriptor = _open_own(name, outer, project.joinpath(*OWN_PARTS[:depth]), made)
        finally:
            os.close(outer)
    return descriptor


def _open_project(path: Path, made: CreatedPaths | None) -> int:
    """Open the parent of our folders; links are followed only in a folder named by the user."""
    if path.name != CODEX_FOLDER:
        if made is not None and _make(path):
            made.folders.append(path)
        return os.open(path, _OPEN_FOLDER)
    project = _open_without_links(path.parent)
    try:
        if made is not None and _make(path.name, project):
            made.folders.append(path)
        return os.open(path.name, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=project)
    finally:
        os.close(project)


def _open_without_links(path: Path) -> int:
    """Open a folder by a resolved path, failing if a part has become a link since."""
    descriptor = os.open(path.anchor, _THROUGH)
    for name in path.parts[1:]:
        outer = descriptor
        try:
            descriptor = os.open(name, _THROUGH | os.O_NOFOLLOW, dir_fd=outer)
        finally:
            os.close(outer)
    return descriptor


def _open_own(name: str, outer: int, path: Path, made: CreatedPaths | None) -> int:
    if made is not None and _make(name, outer):
        made.folders.append(path)
        if name == OWN_PARTS[0]:
            made.ignore_files.append(path / ".gitignore")
            _keep_out_of_git(f"{name}/.gitignore", outer)
    return _open_real(name, outer)


def _open_named(path: Path, made: CreatedPaths | None) -> int:
    if made is not None:
        missing = [each for each in (path, *path.parents) if not each.exists()]
        made.folders.extend(each for each in reversed(missing) if _make(each))
    descriptor = os.open(path, _OPEN_FOLDER)
    return _checked(descriptor)


def _open_real(name: str, folder: int) -> int:
    descriptor = _checked(os.open(name, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder))
    status = os.fstat(descriptor)
    if stat.S_IMODE(status.st_mode) & _OTHERS and status.st_uid == os.geteuid():
        os.fchmod(descriptor, 0o700)
    return descriptor


def _checked(descriptor: int) -> int:
    # The owner of the folder can replace our files. Root may work for anybody.
    if os.geteuid() not in (0, os.fstat(descriptor).st_uid):
        os.close(descriptor)
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    return descriptor


def _make(path: Path | str, folder: int | None = None) -> bool:
    try:
        os.mkdir(path, 0o700, dir_fd=folder)
    except FileExistsError:
        return False
    return True


def _keep_out_of_git(name: str, folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            os.write(descriptor, b"*\n")
        finally:
            os.close(descriptor)
