"""Puts a file in place: whatever is killed when, it is old or new.

The caller holds the lock of the folder, so that one name is enough for what is being written.
"""

from __future__ import annotations

import contextlib
import os
import stat

TEMPORARY = ".codexmcp-tmp"
"""How the name of a file ends that is being written."""

FILE_MODE = 0o600


def put(
    path: str,
    data: bytes,
    *,
    like: str | None = None,
    mode: int = FILE_MODE,
    is_executable: bool | None = None,
) -> None:
    """Put a file in place in one step.

    Args:
        path: The file; its folder must be there.
        data: What it shall hold.
        like: A file whose mode and owner it gets, if that exists.
        mode: Its mode if not.
        is_executable: Whether those who may read it may run it; None leaves that to its mode.

    Raises:
        OSError: It cannot be written.
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
    """Return the mode for a file; give it to the owner of the file that it replaces."""
    with contextlib.suppress(FileNotFoundError):
        if like is not None:
            status = os.stat(like)  # noqa: PTH116 - thousands of times
            mode = stat.S_IMODE(status.st_mode)
            # Only root may give files away, and only root meets files of others here.
            with contextlib.suppress(PermissionError):
                os.fchown(fd, status.st_uid, status.st_gid)
    if is_executable is None:
        return mode
    # Whoever may read it may run it, or nobody may.
    return mode | ((mode & 0o444) >> 2) if is_executable else mode & ~0o111


def temporary(path: str) -> str:
    """Return where a file is written before it is put in place."""
    folder, name = os.path.split(path)
    return f"{folder}/.{name}{TEMPORARY}"
