"""Brings the index up to date with the rollouts of a home.

Promises that the index says what reading everything anew would say: a rollout that was only added
to is read from where reading ended, one that was moved is known again, and one that was deleted or
replaced is forgotten. Several processes may do it at once; a kill costs at most the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codexmcp.usage.index import Flaws, Index
from codexmcp.usage.rollouts import Found, Reading, Rollout, find_rollouts, look_at
from codexmcp.usage.thread import Spending

_STEP_BYTES = 64 * 1024 * 1024
_STEP_FILES = 500
_MOST_ROUNDS = 3
"""Whatever is replaced meanwhile comes next time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What bringing the index up to date has met.

    Attributes:
        rollouts: How many rollouts there are.
        read_bytes: How much of them was read this time.
        flaws: What is wrong with rollouts, found now or earlier.
        unreadable: Folders and rollouts that cannot be read.
        compressed: Rollouts that are compressed, and were not read.
    """

    rollouts: int
    read_bytes: int
    flaws: Flaws
    unreadable: tuple[str, ...]
    compressed: tuple[str, ...]


def bring_up_to_date(index: Index, home: Path, tell: Callable[[int, int], None]) -> Scan:
    """Read what is new in the rollouts of a Codex home.

    Args:
        index: The index.
        home: The Codex home; one without rollouts, or none at all, is fine.
        tell: Is told how many bytes are read, and how many there are to read.

    Raises:
        sqlite3.Error: The index cannot be read or written.
    """
    found = find_rollouts(home)
    work = _Work(index, found, tell)
    rounds = 0
    while work.go_round() and rounds < _MOST_ROUNDS:
        rounds += 1
    unreadable = tuple(dict.fromkeys(found.unreadable))
    return Scan(
        len(found.rollouts), work.read_bytes, index.flaws(), unreadable, tuple(found.compressed)
    )


class _Work:
    def __init__(self, index: Index, found: Found, tell: Callable[[int, int], None]) -> None:
        self._index = index
        self._found = found
        self._tell = tell
        self.read_bytes = 0

    def go_round(self) -> bool:
        """Read all that is new; return whether something was found to be replaced."""
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
        new = {each.identity: path for path, each in there.items() if path not in seen}
        gone: list[str] = []
        for path, known in seen.items():
            if path in there or path in self._found.unreadable:
                continue
            to = new.pop(known.identity, None)
            if to is None:
                gone.append(path)
            else:
                self._index.move(path, to)
        self._index.forget(gone)

    def _read(self, rollout: Rollout) -> bool:
        """Read what is new in a rollout; return whether it took the place of another."""
        entry = self._index.get(rollout.path)
        try:
            with open(rollout.path, "rb") as file:  # noqa: PTH123 - 100,000 of them
                now = look_at(rollout.path)
                reading = Reading() if entry is None else entry.reading
                if is_other := not reading.continues(file, now.size):
                    self._index.forget([rollout.path])
                    reading = Reading()
                begin = reading.offset
                self._index.keep(now, reading, self._spendings(file, reading, now.size))
                self.read_bytes += reading.offset - begin
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
                # The first request of a fork may be one to make room, with its parent's model.
                parent = reading.thread.parent
                if parent not in parents:
                    parents[parent] = self._index.model_of(parent)
                each.model = parents[parent]
            yield each


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
