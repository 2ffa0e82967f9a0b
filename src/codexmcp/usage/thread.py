"""A thread's spendings, entry by entry, without double counting.

Pure. Three causes of repetition: a count repeats the previous count when only rate limits changed;
newer builds write each response twice, as a record and as a count; and a fork's rollout may start
with a copy of its ancestors' lines. A copy keeps the ids of its turns, so a response is identified
by its turn and its position there, independently of file and kind of line.

Source: rollouts of Codex 0.136.0 to 0.169.0. Up to 0.149.0 forks copy, with new timestamps.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from codexmcp.appserver.tokens import growth
from codexmcp.data_classes import dataclass, fields
from codexmcp.jsonvalues import list_of, object_of
from codexmcp.usage.entries import (
    Entry,
    ProviderChosen,
    Recorded,
    ThreadMeta,
    TokenCount,
    TurnContext,
    TurnStarted,
)
from codexmcp.usage.tokens import Tokens


@dataclass(slots=True)
class Spending:
    """The tokens of a response.

    Attributes:
        key: Identical for copies only; 64 bits, signed.
        at: Unix time.
        model: The model's name; empty if unknown.
        provider: The provider's id; empty if unknown.
        cwd: The working directory of the turn.
        tokens: The tokens.
    """

    key: int
    at: float
    model: str
    provider: str
    cwd: str
    tokens: Tokens


@dataclass(slots=True)
class Thread:
    """The state of a thread at a position in its rollout.

    Attributes:
        id: The id.
        parent: The forked thread; empty if not a fork.
        root: The last ancestor with copied lines, or the thread itself.
        turn: The current turn.
        model: The model of the last turn.
        provider: The provider of the thread.
        cwd: The working directory of the last turn.
        total: The last count of the whole thread; None before the first.
        is_recorded: The turn has records, so counts only repeat them.
        after_start: The last line was the start of a turn.
        counted_turn: The turn of the last counted response.
        counted: The number of its counted responses.
        by_count: The last response of this turn known from a count; a record may repeat it.
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
        """Note an irrelevant line."""
        self.after_start = False

    def follow(self, entry: Entry) -> Spending | None:
        """Process the next entry, and return its spending, if any."""
        after_start, self.after_start = self.after_start, False
        match entry:
            case ThreadMeta():
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
            case TokenCount():
                return self._count(entry, after_start=after_start)
        return None

    def _meet(self, meta: ThreadMeta) -> None:
        self.root = meta.thread or self.root
        # Further entries are of ancestors, unless they repeat this thread's own entry.
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

    def _count(self, count: TokenCount, *, after_start: bool) -> Spending | None:
        before, self.total = self.total, count.total
        if self.is_recorded or count.total == before:
            return None
        if before is None and after_start:
            # Not a response: a fork without a copy starts with its parent's count.
            return None
        spent = growth(before, count.total, count.last)
        self.by_count = spent
        return None if spent is None else self._spend(count.at, spent, count.total)

    def _spend(self, at: float, tokens: Tokens, total: Tokens | None = None) -> Spending | None:
        if not tokens:
            return None
        if self.counted_turn != self.turn:
            self.counted_turn, self.counted = self.turn, 0
        self.counted += 1
        # Rollouts of 2025 have no turn ids; a thread's count grows with each response.
        place = (self.turn, self.counted) if self.turn else (self.root, total or self.counted)
        return Spending(_key(place, tokens), at, self.model, self.provider, self.cwd, tokens)

    def to_json(self) -> dict[str, Any]:
        """Return the state for later continuation."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: list(each) if isinstance(each, Tokens) else each for name, each in values.items()
        }

    @classmethod
    def from_json(cls, value: object) -> Thread:
        """Return a stored thread; unknown fields are ignored.

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
        raise ValueError(f"{value!r} are not token counts")
    return Tokens(*counts)


def _key(place: tuple[str, object], tokens: Tokens) -> int:
    text = repr((*place, *tokens))
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
