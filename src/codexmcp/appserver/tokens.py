"""Codex's token counts, and their growth over the threads of a tree.

Pure. A count has the total of its thread and the last response. The last response is repeated after
errors, retries and compactions, so only the growth of the totals is summed, here for the live
ledger and for the rollouts in `codexmcp usage`.

Source: `thread/tokenUsage/updated` of 0.153.4, 0.163.0 and 0.171.0, measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from codexmcp.appserver.events import (
    ErrorReported,
    Event,
    Item,
    ItemCompleted,
    ItemStarted,
    SubAgentActivity,
    TokenUsage,
    TokenUsageUpdated,
    TurnCompleted,
    TurnStarted,
)
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import integer_of, object_of


class Tokens(NamedTuple):
    """Tokens of one or more requests.

    Source: Codex's `TokenUsage` (0.136.0 to 0.171.0): cached and written tokens are part of the
    input, and reasoning is part of the output.

    Attributes:
        input: All tokens read by the model.
        cached: Input tokens from the provider's cache.
        written: Input tokens written to the provider's cache.
        output: All tokens written by the model.
        reasoning: Output tokens of hidden reasoning.
    """

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    def plus(self, more: Tokens) -> Tokens:
        """Return the sum."""
        return Tokens(*map(sum, zip(self, more, strict=True)))

    def __bool__(self) -> bool:
        return bool(self.input or self.output)

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output

    def since(self, before: Tokens) -> Tokens | None:
        """Return the growth since an earlier count; None if a number is smaller."""
        counts = [now - then for now, then in zip(self, before, strict=True)]
        return None if min(counts) < 0 else Tokens(*counts)


def growth(before: Tokens | None, total: Tokens, last: Tokens | None) -> Tokens | None:
    """Return the tokens added by a count; None if no tokens were added.

    Args:
        before: The total of the thread's previous count. None: first count.
        total: The total of this count. After a context overflow, Codex sets the total to the size
            of the context window with neither input nor output, and counts on from there.
        last: The last response in this count. None: not in the count.
    """
    if total == before:
        return None
    if before is None:
        # The total of a resumed or forked thread includes the history.
        return total if last is None else last
    added = total.since(before)
    return last if added is None else added


@dataclass(slots=True)
class _Thread:
    """The ledger's state of a thread.

    Attributes:
        total: The total of the last count. None: no count yet.
        turn: The id of the last started turn; empty before the first.
        is_compacting: The thread is compacting its context.
        has_items: The model has produced an item.
        doubtful: A first count that may repeat an unreported history.
    """

    total: Tokens | None = None
    turn: str = ""
    is_compacting: bool = False
    has_items: bool = False
    doubtful: Tokens = field(default_factory=Tokens)

    def count(self, turn: str, total: Tokens, last: Tokens) -> Tokens:
        """Return the tokens added by a count of a turn."""
        before, self.total = self.total, total
        if before is not None:
            grown = total.since(before)
            if grown is None or (grown and self.is_compacting):
                self.doubtful = Tokens()
            return self.settle().plus(growth(before, total, last) or Tokens())
        if not turn or turn != self.turn:
            return Tokens()
        added = growth(None, total, last) or Tokens()
        if self.has_items and not self.is_compacting:
            return added
        self.doubtful = added
        return Tokens()

    def settle(self) -> Tokens:
        """Return the doubtful tokens, now known as new."""
        sure, self.doubtful = self.doubtful, Tokens()
        return sure


class TokenLedger:
    """Sums the tokens of any number of threads since the ledger's creation.

    Args:
        totals: Totals by thread id at the end of an earlier ledger. A loaded thread repeats its
            last count if its next request fails.
    """

    def __init__(self, totals: Mapping[str, Tokens] | None = None) -> None:
        self._threads = {each: _Thread(total) for each, total in (totals or {}).items()}
        self._spent = Tokens()

    @property
    def totals(self) -> dict[str, Tokens]:
        """The total of each thread's last count, by thread id."""
        threads = self._threads.items()
        return {each: thread.total for each, thread in threads if thread.total is not None}

    @property
    def usage(self) -> TokenUsage:
        """The growth since the ledger's creation, over all threads."""
        spent = self._spent
        for thread in self._threads.values():
            spent = spent.plus(thread.doubtful)
        return TokenUsage(
            input_tokens=spent.input,
            cached_input_tokens=spent.cached,
            output_tokens=spent.output,
            reasoning_output_tokens=spent.reasoning,
            total_tokens=spent.total,
        )

    def begin(self, thread_id: str) -> None:
        """Count a thread from 0: a started thread, neither resumed nor forked."""
        thread = self._thread(thread_id)
        thread.total = Tokens() if thread.total is None else thread.total

    def note(self, thread_id: str, event: Event) -> None:
        """Count an event of a thread; every kind of event may matter.

        A sub-agent begins at 0, even with its parent's history. A resumed or forked thread begins
        at the total of its history. Codex reports that total in a count with the id of an old turn,
        but with `excludeTurns` only 0.153.4 does, and only after a resume. If the total is
        unreported, the first count of the first turn is a repeat if an error or an overflow follows
        before any item, or if the count comes in a compaction followed by its response; otherwise
        the count is a response.

        Args:
            thread_id: The thread, the root or a descendant.
            event: The event.
        """
        thread = self._thread(thread_id)
        match event:
            case TokenUsageUpdated():
                usage = object_of(event.params.get("tokenUsage"))
                counts = _tokens(usage.get("total")), _tokens(usage.get("last"))
                self._add(thread.count(event.turn_id, *counts))
            case TurnStarted():
                thread.turn, thread.is_compacting = event.turn_id, False
            case ErrorReported():
                thread.doubtful = Tokens()
            case ItemStarted(item=item) if item.type != "userMessage":
                self._note_item(thread, item, ended=isinstance(event, ItemCompleted))
            case TurnCompleted():
                self._add(thread.settle())
            case _:
                pass

    def _thread(self, thread_id: str) -> _Thread:
        thread = self._threads.get(thread_id)
        if thread is None:
            thread = self._threads[thread_id] = _Thread()
        return thread

    def _note_item(self, thread: _Thread, item: Item, *, ended: bool) -> None:
        self._add(thread.settle())
        if item.type == "contextCompaction":
            thread.is_compacting = not ended
            return
        thread.has_items = True
        if isinstance(item, SubAgentActivity) and item.kind == "started":
            self.begin(item.agent_thread_id)

    def _add(self, tokens: Tokens) -> None:
        if tokens:
            self._spent = self._spent.plus(tokens)


def _tokens(raw: object) -> Tokens:
    """Return a decoded `TokenUsageBreakdown`; missing counts are 0."""
    fields = object_of(raw)
    return Tokens(*(max(0, integer_of(fields.get(name)) or 0) for name in _NAMES))


_NAMES = (
    "inputTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
    "outputTokens",
    "reasoningOutputTokens",
)
