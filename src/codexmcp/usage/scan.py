"""Update the index from the rollouts of a home.

The updated index equals a new index: an extended rollout is read from its last position, a moved or
compressed rollout is recognized, and a deleted or replaced rollout is removed. Concurrent updates
are possible; a kill costs at most the last step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from codexmcp.codex.unpacking import unpacked
from codexmcp.data_classes import dataclass
from codexmcp.usage.index import Flaws, Index
from codexmcp.usage.rollouts import FoundRollouts, Reading, Rollout, find_rollouts, look_at
from codexmcp.usage.thread import Spending

_STEP_BYTES = 64 * 1024 * 1024
_STEP_FILES = 500
_MOST_ROUNDS = 3
"""Bound on the rounds; later replacements are left for the next time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The findings of an update.

    Attributes:
        rollouts: The number of rollouts.
        read_bytes: The bytes read this time; the file size for compressed rollouts.
        flaws: Faults of rollouts, found now or earlier.
        unreadable: Unreadable folders and rollouts.
    """

    rollouts: int
    read_bytes: int
    flaws: Flaws
    unreadable: tuple[str, ...]


NO_SCAN = Scan(0, 0, Flaws(0, 0, 0, 0, ""), ())
"""Nothing was read."""


def update_index(index: Index, home: Path, tell: Callable[[int, int], None]) -> Scan:
    """Read the additions to the rollouts of a Codex home.

    Args:
        index: The index.
        home: The Codex home; may be missing or without rollouts.
        tell: Called with the bytes read so far and the total.

    Raises:
        sqlite3.Error: The index is not readable or writable.
    """
    found = find_rollouts(home)
    work = _Work(index, found, tell)
    rounds = 0
    while work.go_round() and rounds < _MOST_ROUNDS:
        rounds += 1
    unreadable = tuple(dict.fromkeys(found.unreadable))
    return Scan(len(found.rollouts), work.read_bytes, index.flaws(), unreadable)


class _Work:
    def __init__(
        self, index: Index, found: FoundRollouts, tell: Callable[[int, int], None]
    ) -> None:
        self._index = index
        self._found = found
        self._tell = tell
        self.read_bytes = 0

    def go_round(self) -> bool:
        """Read all additions; return True if a rollout was replaced."""
        with self._index.step():
            self._follow_moves(self._index.seen())
            seen = self._index.seen()
        new = [each for each in self._found.rollouts if seen.get(each.path) != each]
        sizes = sum(each.size for each in new)
        was_replaced = False
        for step in _steps(new):
            with self._index.step():
                for rollout in step:
                    was_replaced |= self._read(rollout)
            self._tell(self.read_bytes, max(sizes, self.read_bytes))
        return was_replaced

    def _follow_moves(self, seen: Mapping[str, Rollout]) -> None:
        there = {each.path: each for each in self._found.rollouts}
        unreadable = set(self._found.unreadable)
        gone = [each for path, each in seen.items() if path not in there and path not in unreadable]
        new = [each for path, each in there.items() if path not in seen]
        # By name first: consecutive compressions reuse the inode numbers of other files.
        for sign in (_name, _identity):
            by_sign = {sign(each): each for each in new}
            moves = {each.path: by_sign.pop(sign(each)) for each in gone if sign(each) in by_sign}
            for path, to in moves.items():
                self._index.move(path, to.path)
            gone = [each for each in gone if each.path not in moves]
            taken = {to.path for to in moves.values()}
            new = [each for each in new if each.path not in taken]
        self._index.forget(each.path for each in gone)

    def _read(self, rollout: Rollout) -> bool:
        """Read the additions to a rollout; return True if the rollout replaced another."""
        entry = self._index.get(rollout.path)
        try:
            with open(rollout.path, "rb") as file:  # noqa: PTH123 - 100,000 of them
                now = look_at(rollout.path)
                reading = Reading() if entry is None else entry.reading
                # The decompressed size is unknown; compressed rollouts never grow.
                size = sys.maxsize if now.is_packed else now.size
                content = unpacked(file) if now.is_packed else file
                if is_other := not reading.continues(content, size):
                    self._index.forget([rollout.path])
                    reading = Reading()
                begin = reading.offset
                self._index.keep(now, reading, self._spendings(content, reading, size))
                self.read_bytes += now.size if now.is_packed else reading.offset - begin
        except FileNotFoundError:
            return False
        except OSError:
            self._found.unreadable.append(rollout.path)
            return False
        return is_other

    def _spendings(self, file: BinaryIO, reading: Reading, size: int) -> Iterator[Spending]:
        parents: dict[str, str] = {}
        for each in reading.read_on(file, size):
            if not each.model and reading.thread.parent:
                # The first request of a fork may be a compaction with its parent's model.
                parent = reading.thread.parent
                if parent not in parents:
                    parents[parent] = self._index.model_of(parent)
                each.model = parents[parent]
            yield each


def _name(rollout: Rollout) -> str:
    return rollout.name


def _identity(rollout: Rollout) -> str:
    return rollout.identity


def _steps(rollouts: Sequence[Rollout]) -> Iterator[list[Rollout]]:
    step: list[Rollout] = []
    size = 0
    for rollout in rollouts:
        step.append(rollout)
        size += rollout.size
        if size >= _STEP_BYTES or len(step) >= _STEP_FILES:
            yield step
            step, size = [], 0
    if step:
        yield step
