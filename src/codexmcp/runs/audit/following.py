"""A reader of a run's file of events during its writing.

Promises: every whole line once, despite torn lines, truncation, replacement and deletion; bounded
memory; nothing outside the folder of audit files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from codexmcp.codex.reverse_lines import MAX_LINE_BYTES
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened
from codexmcp.runs.audit.names import events_file

_CHUNK_BYTES = 256 * 1024


class EventFile:
    """The file of events of one run.

    Args:
        folder: The folder of the audit files.
        run_id: The run.

    Attributes:
        path: The file.
        was_seen: The file has existed at any time.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self.path = folder / events_file(run_id)
        self.was_seen = False
        self._fd: int | None = None
        self._position = 0
        self._begun = b""
        self._is_too_long = False

    def new_lines(self) -> Iterator[bytes]:
        """Yield the new whole lines, without line ends.

        Raises:
            OSError: The file exists and cannot be read.
        """
        while self._opened():
            data = self._read()
            if not data:
                return
            yield from self._split(data)

    def torn_line(self) -> bytes:
        """Return an unfinished last line of a dead writer; empty without one."""
        line, self._begun = self._begun, b""
        return line

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._begin_again(None)

    def _opened(self) -> bool:
        """Open the current file, if there is a file."""
        if self._fd is None:
            with contextlib.suppress(FileNotFoundError), opened(self.path.parent) as folder:
                self._begin_again(files.open_for_reading(folder, self.path.name))
                self.was_seen = True
        return self._fd is not None

    def _read(self) -> bytes:
        assert self._fd is not None
        data = os.read(self._fd, _CHUNK_BYTES)
        self._position += len(data)
        if data:
            return data
        status = os.fstat(self._fd)
        if status.st_size < self._position:
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._begin_again(self._fd)
            return os.read(self._fd, 0) if status.st_size == 0 else self._read()
        if self._is_replaced(status):
            self.close()
            return self._read() if self._opened() else b""
        return b""

    def _is_replaced(self, status: os.stat_result) -> bool:
        with contextlib.suppress(OSError):
            return not os.path.samestat(self.path.lstat(), status)
        # Deleted: the next lines will be in a new file.
        return False

    def _begin_again(self, fd: int | None) -> None:
        self._fd, self._position, self._begun, self._is_too_long = fd, 0, b"", False

    def _split(self, data: bytes) -> Iterator[bytes]:
        *whole, rest = data.split(b"\n")
        for line in whole:
            text, too_long = self._begun + line, self._is_too_long
            self._begun, self._is_too_long = b"", False
            if text and not too_long:
                yield text
        self._begun += rest
        if len(self._begun) > MAX_LINE_BYTES:
            self._begun, self._is_too_long = b"", True
