"""The current contents of a client's folder.

Reads only. A file with the size, times and inode of the manifest is not read again.
"""

from __future__ import annotations

import os
import stat
from enum import Enum
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.manifest import ManifestRecord, Stat
from codexmcp.home.sync.paths import located
from codexmcp.home.sync.wanted import digest_of

_CLOCK_NS = 50_000_000
"""Minimum age of a file's last change, so that a later change has another timestamp.

Source: Linux takes the times of files from a clock that ticks every 1 to 10 ms.
"""


class EntryKind(Enum):
    """The kind of entry at a path."""

    NOTHING = "nothing"
    FILE = "a file"
    OTHER = "an entry other than a plain file"


@dataclass(frozen=True, slots=True)
class DeployedEntry:
    """The entry at the path of a file.

    Attributes:
        there: The kind of entry.
        digest: The SHA-256 of a file.
        is_executable: The file is executable.
        stat: The file's status.
    """

    there: EntryKind
    digest: str = ""
    is_executable: bool = False
    stat: Stat | None = None


NOTHING = DeployedEntry(EntryKind.NOTHING)


class Folder:
    """A client's folder.

    Args:
        root: The folder; links to it are followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._parents: dict[str, str] = {}

    def real(self, path: str) -> str:
        """Return the resolved path of a file.

        Raises:
            ConfigurationError: A link leads out of the folder.
        """
        parent, _, name = path.rpartition("/")
        known = self._parents.get(parent)
        if known is None:
            known = str(located(self.root, path, "folder").parent)
            self._parents[parent] = known
        return f"{known}/{name}"

    def look(self, path: str, record: ManifestRecord | None, written_ns: int) -> DeployedEntry:
        """Return the entry at a path.

        Args:
            path: Relative, with `/`.
            record: The manifest's record of the file, or None.
            written_ns: The time of the manifest.

        Raises:
            ConfigurationError: The entry is unreadable, or a link leads out of the folder.
        """
        real = self.real(path)
        try:
            status = os.lstat(real)
        except (FileNotFoundError, NotADirectoryError):
            return NOTHING
        except OSError as error:
            raise ConfigurationError(f"cannot read {real}: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode):
            return DeployedEntry(EntryKind.OTHER)
        now = stat_of(status)
        is_known = (
            record is not None
            and record.stat == now
            and len(record.digests) == 1
            and now[2] < written_ns - _CLOCK_NS
        )
        digest = record.digests[0] if record and is_known else digest_of(self.read(path))
        return DeployedEntry(EntryKind.FILE, digest, bool(status.st_mode & stat.S_IXUSR), now)

    def exists(self, path: str) -> bool:
        """Return True for any entry at a path."""
        return os.path.lexists(self.real(path))

    def is_missing(self, path: str) -> bool:
        """Return True if no folder exists at a path.

        Raises:
            ConfigurationError: Another entry is in the way.
        """
        real = self.real(path)
        if os.path.isdir(real):  # noqa: PTH112 - thousands of times
            return False
        if os.path.lexists(real):
            raise ConfigurationError(f"{real} is in the way of a folder; move it away")
        return True

    def read(self, path: str) -> bytes:
        """Return a file's contents.

        Raises:
            ConfigurationError: The file is not readable.
        """
        real = self.real(path)
        try:
            with open(real, "rb") as file:  # noqa: PTH123 - thousands of times, and twice as fast
                return file.read()
        except OSError as error:
            raise ConfigurationError(f"cannot read {real}: {error.strerror}") from None


def stat_of(status: os.stat_result) -> Stat:
    """Return the manifest's part of a file's status."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
