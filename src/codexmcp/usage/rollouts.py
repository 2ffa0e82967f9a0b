"""The rollouts of a Codex home: finding them, and reading on from where reading ended.

Promises bounded memory, however long a file or a line is, and that a line which is not finished yet
is left for the next time. Changes nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from codexmcp.usage.entries import HEAD_BYTES, may_tell, parse_entry
from codexmcp.usage.thread import Spending, Thread
from codexmcp.usage.unpacking import DamagedError

FOLDERS = ("sessions", "archived_sessions")
"""Source: where Codex keeps rollouts and archived ones (0.136.0 to 0.169.0)."""

PACKED_SUFFIX = ".zst"
"""What Codex has compressed ends so: with its feature `local_thread_store_compression` on, what was
not changed for a week. It unpacks a file before it writes to it, and prefers the plain one of two.
Source: Codex 0.153.4, 0.163.0 and 0.169.0.
"""

_PIECE_BYTES = 1024 * 1024
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_MARK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as the file system knows it.

    Attributes:
        path: Where it lies.
        identity: The same wherever it is moved to.
        size: In bytes.
        changed_ns: When it was changed, in nanoseconds of Unix time.
    """

    path: str
    identity: str
    size: int
    changed_ns: int

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed."""
        return self.path.endswith(PACKED_SUFFIX)

    @property
    def name(self) -> str:
        """Its name, which it keeps when it is archived or compressed."""
        return self.path.rpartition(os.sep)[2].removesuffix(PACKED_SUFFIX)


@dataclass(slots=True)
class Found:
    """The rollouts of a home.

    Attributes:
        rollouts: In the order of their names, which begin with the time: ancestors before forks.
        unreadable: Folders and files that cannot be looked at.
    """

    rollouts: list[Rollout] = field(default_factory=list[Rollout])
    unreadable: list[str] = field(default_factory=list[str])


def find_rollouts(home: Path) -> Found:
    """Find all rollouts of a Codex home; one without any is fine."""
    found = Found()

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.unreadable.append(str(error.filename))

    for folder in FOLDERS:
        for parent, _, names in os.walk(home / folder, onerror=note):
            for name in _rollouts_of(names):
                _add(found, os.path.join(parent, name))  # noqa: PTH118 - 100,000 of them
    found.rollouts.sort(key=lambda rollout: (rollout.name, rollout.path))
    return found


def _rollouts_of(names: list[str]) -> Iterator[str]:
    ours = {name for name in names if name.startswith("rollout-")}
    for name in ours:
        plain = name.removesuffix(PACKED_SUFFIX)
        if plain.endswith(".jsonl") and (name == plain or plain not in ours):
            yield name


def _add(found: Found, path: str) -> None:
    try:
        found.rollouts.append(look_at(path))
    except FileNotFoundError:
        pass
    except OSError:
        found.unreadable.append(path)


def look_at(path: str) -> Rollout:
    """Return a rollout as it is now.

    Raises:
        OSError: It cannot be looked at.
    """
    status = os.stat(path)  # noqa: PTH116 - 100,000 of them
    if not stat.S_ISREG(status.st_mode):
        # A pipe would be waited for.
        raise OSError(errno.EINVAL, "no regular file", path)
    identity = f"{status.st_dev}:{status.st_ino}"
    return Rollout(path, identity, status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class Reading:
    """A rollout as far as it has been read.

    Attributes:
        thread: What has been followed.
        offset: Where the next line begins.
        broken: Lines that could not be understood so far.
        mark: A digest of the bytes at the beginning and right before the offset.
        is_unfinished: Whether there is a line after the offset that does not end.
        damage: Why what comes after the offset cannot be unpacked; empty when nothing is wrong.
    """

    thread: Thread = field(default_factory=Thread)
    offset: int = 0
    broken: int = 0
    mark: bytes = b""
    is_unfinished: bool = False
    damage: str = ""

    def continues(self, file: BinaryIO, size: int) -> bool:
        """Return whether a file holds what was read, so that only its end is new."""
        try:
            return size >= self.offset and self.mark == _mark(file, self.offset)
        except DamagedError:
            return False

    def read_on(self, file: BinaryIO, size: int) -> Iterator[Spending]:
        """Yield what was spent by the lines that were added; read to the end before you keep it.

        Args:
            file: The rollout, or what it holds when it is compressed.
            size: How much of it is read; what is written meanwhile comes next time.
        """
        self.is_unfinished, self.damage = False, ""
        file.seek(self.offset)
        try:
            yield from self._spendings(file, size)
            file.seek(self.offset)
            self.is_unfinished = self.offset < size and bool(file.read(1))
        except DamagedError as error:
            self.damage = str(error)
        self.mark = _mark(file, self.offset)

    def _spendings(self, file: BinaryIO, size: int) -> Iterator[Spending]:
        for line, length in whole_lines(file, size - self.offset):
            self.offset += length
            if line is None or line.isspace():
                self.thread.pass_over()
                continue
            spent = self._take(line)
            if spent is not None:
                yield spent

    def _take(self, line: bytes) -> Spending | None:
        try:
            entry = parse_entry(line)
        except ValueError:
            self.broken += 1
            # A line that was cut off when Codex was killed has the next one right behind it.
            start = line.rfind(b'{"timestamp":"')
            return self._take(line[start:]) if start > 0 else None
        if entry is None:
            self.thread.pass_over()
            return None
        return self.thread.follow(entry)


def whole_lines(file: BinaryIO, size: int) -> Iterator[tuple[bytes | None, int]]:
    """Yield lines and their lengths; None for one that cannot be of use.

    A line without an end is left out. One that is too long to be held is yielded without most of
    it, which makes it a broken one.

    Args:
        file: Where to read.
        size: How many bytes at most.
    """
    left = size
    while left > 0:
        line = file.readline(min(_PIECE_BYTES, left))
        if not line:
            return
        length = len(line)
        useful = is_held = may_tell(line)
        while line[-1:] != b"\n":
            piece = file.readline(min(_PIECE_BYTES, left - length)) if left > length else b""
            if not piece:
                return
            length += len(piece)
            is_held = is_held and length <= _LONGEST_LINE_BYTES
            line = line + piece if is_held else line[:HEAD_BYTES] + piece[-1:]
        left -= length
        yield (line if useful else None), length


def _mark(file: BinaryIO, offset: int) -> bytes:
    digest = blake2b(digest_size=16)
    for start in (0, max(0, offset - _MARK_BYTES)):
        file.seek(start)
        digest.update(file.read(min(_MARK_BYTES, offset - start)))
    return digest.digest()
