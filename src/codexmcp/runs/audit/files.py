"""Opens, appends to and replaces single audit files by the descriptor of their folder.

Promises: never follows a link, never blocks on a pipe that somebody put there, and a line is
written by one call, so that several processes can append to one file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEWLINE = b"\n"


def open_for_reading(folder: int, name: str) -> int:
    """Return a descriptor of a regular file.

    Raises:
        OSError: It is missing, a link or no regular file.
    """
    return _regular(os.open(name, os.O_RDONLY | _SAFE, dir_fd=folder))


def open_for_appending(folder: int, name: str, making: int = os.O_CREAT) -> int:
    """Return a descriptor of a regular file, to append to.

    Args:
        folder: Descriptor of its folder.
        name: Its name.
        making: `O_CREAT` makes it when it is missing, with `O_EXCL` it must be missing, and with 0
            it must be there.

    Raises:
        OSError: It cannot be opened, is a link, or has another name elsewhere.
    """
    flags = os.O_RDWR | os.O_APPEND | making | _SAFE
    return _only_name(_regular(os.open(name, flags, 0o600, dir_fd=folder)))


def read(folder: int, name: str, max_bytes: int) -> bytes:
    """Return the beginning of a file.

    Raises:
        OSError: It is missing, a link or no regular file.
    """
    descriptor = open_for_reading(folder, name)
    try:
        return os.read(descriptor, max_bytes)
    finally:
        os.close(descriptor)


def append_line(folder: int, name: str, line: bytes) -> None:
    """Append a line to a file that other processes append to as well.

    Where the file ends in the midst of a line, an end is put first. Linux lets the size of a file
    be seen while a line of another process is copied into it, page by page (measured on ext4): it
    may look torn then, and an empty line comes of it, which readers pass over.

    Raises:
        OSError: It was not written, or not whole.
    """
    descriptor = open_for_appending(folder, name)
    try:
        data = _NEWLINE + line if is_torn(descriptor) else line
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def append_bounded(folder: int, name: str, data: bytes, max_bytes: int) -> None:
    """Append to a file unless that makes it too large.

    Raises:
        OSError: It was not written, or not whole.
    """
    descriptor = open_for_appending(folder, name)
    try:
        if os.fstat(descriptor).st_size + len(data) <= max_bytes:
            write_all(descriptor, data)
    finally:
        os.close(descriptor)


def is_torn(descriptor: int) -> bool:
    """Return whether a file ends in the midst of a line, as one does whose disk was full."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != _NEWLINE


def replace(folder: int, name: str, data: bytes) -> None:
    """Give a file new contents, all at once.

    Raises:
        OSError: It could not be; what was there before stays.
    """
    draft = f".{name}.{os.getpid()}.new"
    remove(folder, draft)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE
    descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        try:
            write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        remove(folder, draft)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """Write bytes whole.

    Raises:
        OSError: There was no space for them.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def remove(folder: int, name: str) -> None:
    """Remove a file if it is there and can be removed."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _regular(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return descriptor


def _only_name(descriptor: int) -> int:
    # A file with a second name may be one of somebody else's, put here to be written to.
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
    return descriptor
