"""Appends lines to an open file, and counts unwritten lines."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable

from codexmcp.runs.audit import files


class Appender:
    """Writes lines, each with one call. A failed line is counted and reported by a later line.

    Holds a shared lock on the open file, as the sign of a living writer.

    Args:
        descriptor: A file opened for appending; owned by this object from now on.
        tell_lost: Returns the line with the number of lines missing before it.

    Attributes:
        trouble: The cause of the last write failure.
    """

    def __init__(self, descriptor: int, tell_lost: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._tell_lost = tell_lost
        self._untold = 0
        self.trouble: OSError | None = None
        self._torn = files.is_torn(descriptor)
        # Some network file systems have no locks; only maintenance depends on locks.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)

    @property
    def is_unlinked(self) -> bool:
        """Return whether the file no longer has a name, after a deletion."""
        return os.fstat(self._descriptor).st_nlink == 0

    @property
    def is_empty(self) -> bool:
        """Return whether the file is empty."""
        return os.fstat(self._descriptor).st_size == 0

    def append(self, line: bytes) -> bool:
        """Write a line; return whether the whole line was written."""
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
            # The system gives no reason for a partial write; the disk is full, or a limit is
            # reached.
            self.trouble = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = True
            if written >= len(before):
                self._untold = 0
        self._untold += 1
        return False

    def sync(self) -> None:
        """Wait until all written lines are on the disk.

        Raises:
            OSError: The lines may not be on the disk.
        """
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
