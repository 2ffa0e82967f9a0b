"""The rollouts of a Codex home: search, and incremental reading.

Memory is bounded for files and lines of any length, and an incomplete line is left for the next
time. Reads only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from codexmcp.codex.recorded import FOLDERS, PACKED_SUFFIX
from codexmcp.codex.unpacking import DamagedError
from codexmcp.data_classes import dataclass, field
from codexmcp.usage.entries import HEAD_BYTES, may_tell, parse_entry
from codexmcp.usage.thread import Spending, Thread

_PIECE_BYTES = 1024 * 1024
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
_MARK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout's state in the file system.

    Attributes:
        path: The path.
        identity: A stable identity across moves.
        size: The size in bytes.
        changed_ns: The time of the last change, in Unix nanoseconds.
    """

    path: str
    identity: str
    size: int
    changed_ns: int

    @property
    def is_packed(self) -> bool:
        """True for a compressed rollout."""
        return self.path.endswith(PACKED_SUFFIX)

    @property
    def name(self) -> str:
        """The name, stable across archiving and compression."""
        return self.path.rpartition(os.sep)[2].removesuffix(PACKED_SUFFIX)


@dataclass(slots=True)
class FoundRollouts:
    """The rollouts of a home.

    Attributes:
        rollouts: Sorted by name. Names have the time as their prefix, so ancestors precede forks.
        unreadable: Unreadable folders and files.
    """

    rollouts: list[Rollout] = field(default_factory=list[Rollout])
    unreadable: list[str] = field(default_factory=list[str])


def find_rollouts(home: Path) -> FoundRollouts:
    """Find all rollouts of a Codex home, possibly none."""
    found = FoundRollouts()

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


def _add(found: FoundRollouts, path: str) -> None:
    try:
        found.rollouts.append(look_at(path))
    except FileNotFoundError:
        pass
    except OSError:
        found.unreadable.append(path)


def look_at(path: str) -> Rollout:
    """Return a rollout's current state.

    Raises:
        OSError: The rollout is not accessible.
    """
    status = os.stat(path)  # noqa: PTH116 - 100,000 of them
    if not stat.S_ISREG(status.st_mode):
        # Opening a pipe would block.
        raise OSError(errno.EINVAL, "no regular file", path)
    identity = f"{status.st_dev}:{status.st_ino}"
    return Rollout(path, identity, status.st_size, status.st_mtime_ns)


@dataclass(slots=True)
class Reading:
    """The read position of a rollout.

    Attributes:
        thread: The state of the thread.
        offset: The start of the next line.
        broken: The number of unparseable lines so far.
        mark: A digest of the bytes at the beginning and right before the offset.
        is_unfinished: An incomplete line follows the offset.
        damage: The decompression error after the offset; empty without an error.
    """

    thread: Thread = field(default_factory=Thread)
    offset: int = 0
    broken: int = 0
    mark: bytes = b""
    is_unfinished: bool = False
    damage: str = ""

    def continues(self, file: BinaryIO, size: int) -> bool:
        """Return True if a file still has the bytes already read, so only its end is new."""
        try:
            return size >= self.offset and self.mark == _mark(file, self.offset)
        except DamagedError:
            return False

    def read_on(self, file: BinaryIO, size: int) -> Iterator[Spending]:
        """Yield the spendings of the added lines; exhaust the iterator before storing the position.

        Args:
            file: The rollout, decompressed if necessary.
            size: Bound on the bytes to read; later additions are left for the next time.
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
            # After a kill of Codex the next line directly follows an incomplete line.
            start = line.rfind(b'{"timestamp":"')
            return self._take(line[start:]) if start > 0 else None
        if entry is None:
            self.thread.pass_over()
            return None
        return self.thread.follow(entry)


def whole_lines(file: BinaryIO, size: int) -> Iterator[tuple[bytes | None, int]]:
    """Yield lines and their lengths; None for irrelevant lines.

    An incomplete last line is omitted. An overlong line is yielded in part, and therefore broken.

    Args:
        file: The file to read.
        size: Bound on the bytes to read.
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
