"""What a thread has spent, followed entry by entry, without counting anything twice.

Pure. Three things would: a count repeats the one before it when only rate limits changed; newer
builds tell each response twice, as a record and as a count; and a fork's rollout may begin with a
copy of its ancestors' lines. A copy keeps the ids of its turns, so a response is known by its turn
and its place in it, whichever file and whichever of the two lines it is read from.

Source: rollouts of Codex 0.136.0 to 0.169.0. Up to 0.149.0 forks copy, with new timestamps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

from codexmcp.jsonvalues import list_of, object_of
from codexmcp.usage.entries import (
    Counted,
    Entry,
    Meta,
    ProviderChosen,
    Recorded,
    TurnContext,
    TurnStarted,
)
from codexmcp.usage.tokens import Tokens


@dataclass(slots=True)
class Spending:
    """The tokens of one response.

    Attributes:
        key: The same for a copy, and for nothing else; 64 bits, signed.
        at: Unix time.
        model: The model's name; empty when the rollout does not tell.
        provider: The id of its provider; empty likewise.
        cwd: The working directory of the turn.
        tokens: What it took.
    """

    key: int
    at: float
    model: str
    provider: str
    cwd: str
    tokens: Tokens


@dataclass(slots=True)
class Thread:
    """A thread as far as its rollout has been read.

    Attributes:
        id: Its id.
        parent: The thread that it is a fork of; empty for none.
        root: The last ancestor that a copy tells of, or itself.
        turn: The turn that goes on.
        model: The model of the last turn.
        provider: The provider of the thread.
        cwd: The working directory of the last turn.
        total: The last count of the whole thread; None before the first.
        is_recorded: Whether records tell of this turn, so that counts only repeat them.
        after_start: Whether the last line was the start of a turn.
        counted_turn: The turn that the last response was counted for.
        counted: How many were.
        by_count: What a count of this turn told of last; a record may yet repeat it.
    """

    id: str = ""
    parent: str = ""
    root: str = ""
    turn: str = ""
    model: str = ""
    provider: str = ""
    cwd: str = ""
    total: Tokens | None = None
    is_recorded: bool = False
    after_start: bool = False
    counted_turn: str = ""
    counted: int = 0
    by_count: Tokens | None = None

    def pass_over(self) -> None:
        """Note that there was a line of no use."""
        self.after_start = False

    def follow(self, entry: Entry) -> Spending | None:
        """Take the next entry, and return what was spent by it, if anything was."""
        after_start, self.after_start = self.after_start, False
        match entry:
            case Meta():
                self._meet(entry)
            case TurnContext():
                self.model = entry.model or self.model
                self.cwd = entry.cwd or self.cwd
                self._enter(entry.turn)
            case TurnStarted():
                self._enter(entry.turn)
                self.after_start = True
            case ProviderChosen():
                self.provider = entry.provider or self.provider
            case Recorded():
                return self._record(entry)
            case Counted():
                return self._count(entry, after_start=after_start)
        return None

    def _meet(self, meta: Meta) -> None:
        self.root = meta.thread or self.root
        # Further ones are those of ancestors, unless they repeat this thread's own.
        if self.id in {"", meta.thread}:
            self.id = meta.thread
            self.parent = meta.parent or self.parent
            self.cwd = meta.cwd or self.cwd
            self.provider = meta.provider or self.provider

    def _enter(self, turn: str) -> None:
        if turn and turn != self.turn:
            self.turn = turn
            self.is_recorded = False
            self.by_count = None

    def _record(self, record: Recorded) -> Spending | None:
        self._enter(record.turn)
        told, self.by_count = self.by_count, None
        self.is_recorded = True
        return None if told == record.tokens else self._spend(record.at, record.tokens)

    def _count(self, count: Counted, *, after_start: bool) -> Spending | None:
        before, self.total = self.total, count.total
        if self.is_recorded or count.total == before:
            return None
        if before is None and after_start:
            # No response can have come yet: a fork without a copy begins with its parent's count.
            return None
        added = count.total if before is None else count.total.since(before)
        spent = count.last if count.last is not None else added
        self.by_count = spent
        return None if spent is None else self._spend(count.at, spent, count.total)

    def _spend(self, at: float, tokens: Tokens, total: Tokens | None = None) -> Spending | None:
        if not tokens:
            return None
        if self.counted_turn != self.turn:
            self.counted_turn, self.counted = self.turn, 0
        self.counted += 1
        # Rollouts of 2025 do not name their turns; a thread's count goes up with each response.
        place = (self.turn, self.counted) if self.turn else (self.root, total or self.counted)
        return Spending(_key(place, tokens), at, self.model, self.provider, self.cwd, tokens)

    def to_json(self) -> dict[str, Any]:
        """Return all that is needed to go on later."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(each) if isinstance(each, Tokens) else each for name, each in values.items()
        }

    @classmethod
    def from_json(cls, value: object) -> Thread:
        """Return the thread that was written down; unknown fields are passed over.

        Raises:
            ValueError: A field has another type.
        """
        thread = cls()
        for name, each in object_of(value).items():
            if name not in {known.name for known in fields(cls)}:
                continue
            if name in {"total", "by_count"}:
                setattr(thread, name, _tokens(each))
            elif type(each) is not type(getattr(thread, name)):
                raise ValueError(f"{name} of a thread is {each!r}")
            else:
                setattr(thread, name, each)
        return thread


def _tokens(value: object) -> Tokens | None:
    if value is None:
        return None
    counts = list_of(value)
    if len(counts) != len(Tokens._fields) or set(map(type, counts)) != {int}:
        raise ValueError(f"{value!r} are no tokens")
    return Tokens(*counts)


def _key(place: tuple[str, object], tokens: Tokens) -> int:
    text = repr((*place, *tokens))
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
