"""What is in a client's folder now.

Reads only. A file whose size, times and inode are those of the list is not read again.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.manifest import Record, Stat
from codexmcp.home.sync.paths import located
from codexmcp.home.sync.wanted import digest_of

_CLOCK_NS = 50_000_000
"""How old a change must be before the list was written, so that another one shows in its time.

Source: Linux takes the times of files from a clock that ticks every 1 to 10 ms.
"""


class There(Enum):
    """What is at a path."""

    NOTHING = "nothing"
    FILE = "a file"
    OTHER = "something that is no plain file"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is at the path of a file.

    Attributes:
        there: What it is.
        digest: The SHA-256 of a file.
        is_executable: Whether a file may be run.
        stat: What the file system says of a file.
    """

    there: There
    digest: str = ""
    is_executable: bool = False
    stat: Stat | None = None


NOTHING = Seen(There.NOTHING)


class Folder:
    """A client's folder.

    Args:
        root: The folder; links to it are followed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._parents: dict[str, str] = {}

    def real(self, path: str) -> str:
        """Return where a file lies.

        Raises:
            ConfigurationError: A link on the way leads out of the folder.
        """
        parent, _, name = path.rpartition("/")
        known = self._parents.get(parent)
        if known is None:
            known = str(located(self.root, path, "folder").parent)
            self._parents[parent] = known
        return f"{known}/{name}"

    def look(self, path: str, record: Record | None, written_ns: int) -> Seen:
        """Return what is at a path.

        Args:
            path: Relative, with `/`.
            record: What was deployed there; None when nothing was.
            written_ns: When the list was written that the record is from.

        Raises:
            ConfigurationError: It cannot be read, or lies behind a link that leads out.
        """
        real = self.real(path)
        try:
            status = os.lstat(real)
        except (FileNotFoundError, NotADirectoryError):
            return NOTHING
        except OSError as error:
            raise ConfigurationError(f"cannot read {real}: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode):
            return Seen(There.OTHER)
        now = stat_of(status)
        is_known = (
            record is not None
            and record.stat == now
            and len(record.digests) == 1
            and now[2] < written_ns - _CLOCK_NS
        )
        digest = record.digests[0] if record and is_known else digest_of(self.read(path))
        return Seen(There.FILE, digest, bool(status.st_mode & stat.S_IXUSR), now)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return os.path.lexists(self.real(path))

    def is_missing(self, path: str) -> bool:
        """Return whether there is no folder at a path yet.

        Raises:
            ConfigurationError: There is something else.
        """
        real = self.real(path)
        if os.path.isdir(real):  # noqa: PTH112 - thousands of times
            return False
        if os.path.lexists(real):
            raise ConfigurationError(f"{real} is in the way of a folder; move it away")
        return True

    def read(self, path: str) -> bytes:
        """Return what a file holds.

        Raises:
            ConfigurationError: It cannot be read.
        """
        real = self.real(path)
        try:
            with open(real, "rb") as file:  # noqa: PTH123 - thousands of times, and twice as fast
                return file.read()
        except OSError as error:
            raise ConfigurationError(f"cannot read {real}: {error.strerror}") from None


def stat_of(status: os.stat_result) -> Stat:
    """Return what a list keeps of a file's status."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
