"""Appends lines to one open file, and keeps count of those that could not be written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable

from codexmcp.runs.audit import files


class Appender:
    """Writes lines, each by one call. A line that fails is counted and told of later.

    While it is open it holds a shared lock on the file, which says that a live process writes it.

    Args:
        descriptor: A file opened for appending; it is this object's from now on.
        tell_lost: Makes the line that says how many before it are missing.

    Attributes:
        trouble: Why a line was not written, the last time that happened.
    """

    def __init__(self, descriptor: int, tell_lost: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._tell_lost = tell_lost
        self._untold = 0
        self.trouble: OSError | None = None
        self._torn = files.is_torn(descriptor)
        # Some network file systems know no locks; nothing but tidying up depends on them.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    @property
    def is_unlinked(self) -> bool:
        """Whether the file has no name any more: somebody deleted it."""
        return os.fstat(self._descriptor).st_nlink == 0

    @property
    def is_empty(self) -> bool:
        """Whether the file holds nothing yet."""
        return os.fstat(self._descriptor).st_size == 0

    def append(self, line: bytes) -> bool:
        """Write a line; return whether it was written whole."""
        before = b"\n" if self._torn else b""
        if self._untold:
            before += self._tell_lost(self._untold)
        try:
            written = os.write(self._descriptor, before + line)
        except OSError as error:
            self.trouble = error
            written = 0
        if written == len(before) + len(line):
            self._torn, self._untold = False, 0
            return True
        if written:
            # The system gives no reason for a part; the disk is full then, or a limit is reached.
            self.trouble = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = True
            if written >= len(before):
                self._untold = 0
        self._untold += 1
        return False

    def sync(self) -> None:
        """Wait until what was written is on the disk.

        Raises:
            OSError: It is not.
        """
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
