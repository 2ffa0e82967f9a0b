"""Brings the index up to date with the rollouts of a home.

Promises that the index says what reading everything anew would say: a rollout that was only added
to is read from where reading ended, one that was moved or compressed is known again, and one that
was deleted or replaced is forgotten. Several processes may do it at once; a kill costs at most the
last step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from codexmcp.usage.index import Flaws, Index
from codexmcp.usage.rollouts import Found, Reading, Rollout, find_rollouts, look_at
from codexmcp.usage.thread import Spending
from codexmcp.usage.unpacking import unpacked

_STEP_BYTES = 64 * 1024 * 1024
_STEP_FILES = 500
_MOST_ROUNDS = 3
"""Whatever is replaced meanwhile comes next time."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What bringing the index up to date has met.

    Attributes:
        rollouts: How many rollouts there are.
        read_bytes: How much of them was read this time; of compressed ones their size.
        flaws: What is wrong with rollouts, found now or earlier.
        unreadable: Folders and rollouts that cannot be read.
    """

    rollouts: int
    read_bytes: int
    flaws: Flaws
    unreadable: tuple[str, ...]


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
    return Scan(len(found.rollouts), work.read_bytes, index.flaws(), unreadable)


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
        unreadable = set(self._found.unreadable)
        gone = [each for path, each in seen.items() if path not in there and path not in unreadable]
        new = [each for path, each in there.items() if path not in seen]
        # By name first: files that are compressed one after the other get each other's numbers.
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
        """Read what is new in a rollout; return whether it took the place of another."""
        entry = self._index.get(rollout.path)
        try:
            with open(rollout.path, "rb") as file:  # noqa: PTH123 - 100,000 of them
                now = look_at(rollout.path)
                reading = Reading() if entry is None else entry.reading
                # What a compressed one holds has no size before it is read; it is never added to.
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
                # The first request of a fork may be one to make room, with its parent's model.
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
