"""Atomic replacement of a file.

The caller holds the lock of the folder, so a single temporary name is enough.
"""

from __future__ import annotations

import contextlib
import os
import stat

TEMPORARY = ".codexmcp-tmp"
"""The suffix of the temporary name."""

FILE_MODE = 0o600


def put(
    path: str,
    data: bytes,
    *,
    like: str | None = None,
    mode: int = FILE_MODE,
    is_executable: bool | None = None,
) -> None:
    """Write a file in one step.

    Args:
        path: The file; its folder must exist.
        data: The contents.
        like: A file with the mode and owner to copy, if present.
        mode: The mode otherwise.
        is_executable: Executable by all readers; None keeps the mode.

    Raises:
        OSError: The file is not writable.
    """
    new = temporary(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 - thousands of times
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(new, flags, FILE_MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, _mode(fd, like, mode, is_executable=is_executable))
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(new, path)  # noqa: PTH105 - as above
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)  # noqa: PTH108 - as above
        raise


def _mode(fd: int, like: str | None, mode: int, *, is_executable: bool | None) -> int:
    """Return the mode for a file, and set the owner of the replaced file."""
    with contextlib.suppress(FileNotFoundError):
        if like is not None:
            status = os.stat(like)  # noqa: PTH116 - thousands of times
            mode = stat.S_IMODE(status.st_mode)
            # Only root may change owners, and only root encounters files of other users here.
            with contextlib.suppress(PermissionError):
                os.fchown(fd, status.st_uid, status.st_gid)
    if is_executable is None:
        return mode
    # Executable by all readers, or by nobody.
    return mode | ((mode & 0o444) >> 2) if is_executable else mode & ~0o111


def temporary(path: str) -> str:
    """Return the temporary path of a file."""
    folder, name = os.path.split(path)
    return f"{folder}/.{name}{TEMPORARY}"
