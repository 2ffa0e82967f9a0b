"""Opens, appends to and replaces single audit files by the descriptor of their folder.

Promises: links are never followed, a planted pipe never blocks, and a line is written with one
call, so several processes can append to one file.
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
        OSError: The file is missing, a link or no regular file.
    """
    return _regular(os.open(name, os.O_RDONLY | _SAFE, dir_fd=folder))


def open_for_appending(folder: int, name: str, making: int = os.O_CREAT) -> int:
    """Return a descriptor of a regular file, for appending.

    Args:
        folder: Descriptor of the folder.
        name: File name.
        making: `O_CREAT` creates a missing file, with `O_EXCL` the file must be missing, and with 0
            the file must exist.

    Raises:
        OSError: The file cannot be opened, is a link, or has another name elsewhere.
    """
    flags = os.O_RDWR | os.O_APPEND | making | _SAFE
    return _only_name(_regular(os.open(name, flags, 0o600, dir_fd=folder)))


def read(folder: int, name: str, max_bytes: int) -> bytes:
    """Return the beginning of a file.

    Raises:
        OSError: The file is missing, a link or no regular file.
    """
    descriptor = open_for_reading(folder, name)
    try:
        return os.read(descriptor, max_bytes)
    finally:
        os.close(descriptor)


def append_line(folder: int, name: str, line: bytes) -> None:
    """Append a line to a file shared with other appending processes.

    After an incomplete last line, a line end is written first. Linux shows the growing size of a
    file while copying another process's line, page by page (measured on ext4): the file may look
    torn then, and the result is an empty line, ignored by readers.

    Raises:
        OSError: The line was not written, or only partly.
    """
    descriptor = open_for_appending(folder, name)
    try:
        data = _NEWLINE + line if is_torn(descriptor) else line
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def append_bounded(folder: int, name: str, data: bytes, max_bytes: int) -> None:
    """Append to a file, unless the file would become too large.

    Raises:
        OSError: The data was not written, or only partly.
    """
    descriptor = open_for_appending(folder, name)
    try:
        if os.fstat(descriptor).st_size + len(data) <= max_bytes:
            write_all(descriptor, data)
    finally:
        os.close(descriptor)


def is_torn(descriptor: int) -> bool:
    """Return whether a file ends inside a line, for example after a full disk."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != _NEWLINE


def replace(folder: int, name: str, data: bytes) -> None:
    """Replace the contents of a file atomically.

    Raises:
        OSError: The replacement failed; the old contents stay.
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
    """Write all bytes.

    Raises:
        OSError: There was no space left.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def remove(folder: int, name: str) -> None:
    """Remove a file, ignoring a missing file and errors."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _regular(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return descriptor


def _only_name(descriptor: int) -> int:
    # A file with a second name may belong to somebody else, planted here as a target of writes.
    if os.fstat(descriptor).st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
    return descriptor
