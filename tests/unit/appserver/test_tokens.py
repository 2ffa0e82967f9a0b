from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import Event, TokenUsage, parse_event
from codexmcp.appserver.tokens import TokenLedger, Tokens, growth
from codexmcp.usage.entries import parse_entry
from codexmcp.usage.thread import Thread
from tests.support import items, rollouts

ONE, TWO = Tokens(100, 40, 0, 10, 3), Tokens(200, 80, 0, 20, 6)
ONE_USED = TokenUsage(100, 40, 10, 3, 110)
WINDOW = 258_400


def started(thread: str, turn: str = "u1") -> Event:
    return parse_event("turn/started", {"threadId": thread, "turn": {"id": turn}})


def count(total: Tokens, last: Tokens, turn: str = "u1", *, filled: bool = False) -> Event:
    """A count as Codex sends it; `filled`: as it sends it after a context overflow."""

    def breakdown(tokens: Tokens) -> dict[str, int]:
        return {
            "totalTokens": tokens.total + WINDOW * filled,
            "inputTokens": tokens.input,
            "cachedInputTokens": tokens.cached,
            "cacheWriteInputTokens": tokens.written,
            "outputTokens": tokens.output,
            "reasoningOutputTokens": tokens.reasoning,
        }

    usage = {"total": breakdown(total), "last": breakdown(last), "modelContextWindow": WINDOW}
    return parse_event("thread/tokenUsage/updated", {"turnId": turn, "tokenUsage": usage})


ERROR = parse_event("error", {"error": {"message": "no"}, "willRetry": False})
ENDED = parse_event("turn/completed", {"turn": {"id": "u1", "status": "completed"}})
COMPACTS = items.started(items.COMPACTION)


def spent(*events: Event) -> TokenUsage:
    ledger = TokenLedger()
    for event in events:
        ledger.note("t", event)
    return ledger.usage


def test_a_count_that_is_repeated_after_an_error_adds_nothing() -> None:
    once = count(ONE, ONE)
    assert spent(started("t"), once, once, once) == ONE_USED


def test_a_context_overflow_adds_nothing_and_later_responses_count() -> None:
    once, full = count(ONE, ONE), count(Tokens(), Tokens(), filled=True)
    assert spent(started("t"), once, once, full, ERROR) == ONE_USED
    after = count(ONE, ONE, filled=True)
    assert spent(started("t"), once, once, full, ERROR, after) == ONE_USED + ONE_USED


def test_a_first_request_that_overflows_adds_nothing() -> None:
    assert spent(started("t"), count(Tokens(), Tokens(), filled=True)) == TokenUsage()


def test_a_compaction_counts_as_its_one_response() -> None:
    estimate = Tokens(7317)
    events = (count(ONE, ONE), count(ONE, ONE), count(TWO, ONE), count(TWO, estimate))
    assert spent(started("t"), *events) == ONE_USED + ONE_USED


def test_the_history_of_a_resumed_thread_adds_nothing() -> None:
    history = count(ONE, ONE, "old")
    assert spent(history) == TokenUsage()
    assert spent(history, started("t"), count(ONE, ONE)) == TokenUsage()
    assert spent(history, started("t"), count(TWO, ONE)) == ONE_USED


def test_an_untold_history_that_is_repeated_adds_nothing() -> None:
    repeated, full = count(TWO, ONE), count(Tokens(), Tokens(), filled=True)
    assert spent(started("t"), repeated, ERROR, repeated, ERROR) == TokenUsage()
    assert spent(started("t"), repeated, full, ERROR) == TokenUsage()
    compacted = (repeated, count(TWO.plus(ONE), ONE), count(TWO.plus(ONE), Tokens(7000)))
    assert spent(started("t"), COMPACTS, *compacted) == ONE_USED


def test_the_first_response_after_an_untold_history_counts() -> None:
    response = count(TWO, ONE)
    assert spent(started("t"), response) == ONE_USED
    assert spent(started("t"), response, ENDED, ERROR) == ONE_USED
    assert spent(started("t"), response, response, ERROR) == ONE_USED
    assert spent(started("t"), response, COMPACTS, ERROR) == ONE_USED
    assert spent(started("t"), items.started(items.COMMAND), response, ERROR) == ONE_USED
    assert spent(started("t"), response, items.started(items.COMMAND), ERROR) == ONE_USED


def test_a_thread_that_was_started_counts_from_0() -> None:
    ledger = TokenLedger()
    ledger.begin("t")
    for event in (started("t"), count(ONE, ONE), ERROR):
        ledger.note("t", event)
    assert ledger.usage == ONE_USED


def test_a_sub_agent_counts_from_0() -> None:
    ledger = TokenLedger()
    ledger.note("root", items.started(items.AGENT_STARTED))
    child = items.AGENT_STARTED["agentThreadId"]
    for event in (started(child), count(ONE, ONE), ERROR):
        ledger.note(child, event)
    assert ledger.usage == ONE_USED


def test_threads_of_a_tree_are_counted_each_by_its_own_total() -> None:
    ledger = TokenLedger()
    for thread in ("root", "child", "grandchild"):
        ledger.note(thread, started(thread))
        ledger.note(thread, count(ONE, ONE))
    ledger.note("root", count(TWO, ONE))
    assert ledger.usage.total_tokens == 440


def test_a_ledger_goes_on_where_another_left_off() -> None:
    first = TokenLedger()
    first.note("t", started("t"))
    first.note("t", count(ONE, ONE))
    second = TokenLedger(first.totals)
    second.note("t", started("t", "u2"))
    second.note("t", count(ONE, ONE))
    assert second.usage == TokenUsage()
    second.note("t", count(TWO, ONE))
    assert (first.usage, second.usage) == (ONE_USED, ONE_USED)


@pytest.mark.parametrize("usage", [None, 7, {}, {"total": {"inputTokens": "many"}}])
def test_a_count_of_another_shape_adds_nothing(usage: object) -> None:
    odd = parse_event("thread/tokenUsage/updated", {"tokenUsage": usage})
    assert spent(started("t"), odd) == TokenUsage()


def test_a_rollouts_count_without_a_last_response_adds_its_growth() -> None:
    assert growth(ONE, TWO, None) == ONE
    assert growth(None, ONE, None) == ONE
    assert growth(TWO, ONE, None) is None


FEW = st.integers(0, 3)
RESPONSES = st.builds(Tokens, st.integers(1, 3), FEW, FEW, FEW, FEW)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["respond", "work", "fail", "compact", "overflow", "turn", "resume"]),
        st.integers(0, 3),
        RESPONSES,
    ),
    max_size=10,
)


@dataclass
class Codex:
    """The counts of one thread, to the ledger as events and to a rollout as lines.

    Attributes:
        records: Whether the rollout has a record of each response.
        is_told: Whether a resume or a fork tells the history in a count.
    """

    name: str
    ledger: TokenLedger
    records: bool
    is_told: bool
    total: Tokens = field(default_factory=Tokens)
    last: Tokens | None = None
    turn: str = ""
    lines: list[bytes] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def begin_turn(self) -> None:
        self.turn = f"{self.name}-{next(self.numbers)}"
        self.hear(started(self.name, self.turn))
        self.lines += [rollouts.started(self.turn), rollouts.context(self.turn)]

    def hear(self, event: Event) -> None:
        self.ledger.note(self.name, event)

    def tell(self, last: Tokens) -> None:
        self.hear(count(self.total, last, self.turn))
        self.lines += [rollouts.message(), rollouts.counted(self.total, last)]

    def respond(self, tokens: Tokens) -> None:
        self.total, self.last = self.total.plus(tokens), tokens
        if self.records:
            self.lines.append(rollouts.recorded(self.turn, tokens))
        self.tell(tokens)

    def repeat(self) -> None:
        """Nothing is said when there was no response yet."""
        if self.last is not None:
            self.tell(self.last)

    def resume(self, ledger: TokenLedger) -> None:
        self.ledger = ledger
        if self.is_told and self.last is not None:
            self.hear(count(self.total, self.last, self.turn))
        self.begin_turn()

    def step(self, kind: str, tokens: Tokens) -> None:
        match kind:
            case "respond":
                self.respond(tokens)
            case "work":
                self.hear(items.started(items.COMMAND))
                self.respond(tokens)
            case "fail":
                self.repeat()
                self.hear(ERROR)
            case "compact":
                self.hear(COMPACTS)
                self.repeat()
                self.respond(tokens)
                self.tell(Tokens(7000))
                self.hear(items.completed(items.COMPACTION))
            case "overflow":
                self.repeat()
                self.total = self.last = Tokens()
                self.tell(self.last)
                self.hear(ERROR)
            case "turn":
                self.hear(ENDED)
                self.begin_turn()
            case _:
                self.resume(self.ledger)


def fork(parent: Codex, ledger: TokenLedger) -> Codex:
    """A fork's rollout begins with its parent's count, right after the start of its first turn."""
    child = replace(
        parent, name=f"{parent.name}f", ledger=ledger, lines=[], numbers=itertools.count()
    )
    child.lines.append(rollouts.meta(child.name, parent.name))
    if child.last is not None:
        told = rollouts.counted(child.total, child.last)
        child.lines += [rollouts.started(f"{child.name}-0"), told]
    child.resume(ledger)
    return child


def counted_by_usage(lines: list[bytes]) -> Tokens:
    thread, found = Thread(), Tokens()
    for line in lines:
        entry = parse_entry(line)
        if entry is None:
            thread.pass_over()
        elif (spending := thread.follow(entry)) is not None:
            found = found.plus(spending.tokens)
    return found


@given(history=STEPS, steps=STEPS, after=STEPS, records=st.booleans(), is_told=st.booleans())
def test_the_ledger_and_the_rollouts_agree_on_every_history_of_a_tree(
    history: list[tuple[str, int, Tokens]],
    steps: list[tuple[str, int, Tokens]],
    after: list[tuple[str, int, Tokens]],
    *,
    records: bool,
    is_told: bool,
) -> None:
    past, ledger = TokenLedger(), TokenLedger()
    root, *children = (Codex(name, ledger, records, is_told) for name in ("root", "a", "b", "c"))
    root.ledger = past
    for thread in (root, *children):
        thread.lines.append(rollouts.meta(thread.name))
        thread.begin_turn()
    for kind, _, tokens in history:
        root.step(kind, tokens)
    root.resume(ledger)
    threads = [root, *children]
    for kind, which, tokens in steps:
        threads[which].step(kind, tokens)
    threads.append(fork(root, ledger))
    for kind, which, tokens in after:
        threads[which + 1].step(kind, tokens)
    spent = Tokens()
    for thread in threads:
        spent = spent.plus(counted_by_usage(thread.lines))
    assert (past.usage + ledger.usage).to_json() == {
        "inputTokens": spent.input,
        "cachedInputTokens": spent.cached,
        "outputTokens": spent.output,
        "reasoningOutputTokens": spent.reasoning,
        "totalTokens": spent.total,
    }
