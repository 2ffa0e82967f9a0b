"""Whatever is done to both stores, they answer alike."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codexmcp.appserver.events import TokenUsage
from codexmcp.errors import CodexMCPError
from codexmcp.runs.run import Claim, Progress
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import ACTIVE, Phase, RunState
from codexmcp.runs.store import BlockingStore, Change, Limits, Owner, Selection
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import ended, submission

Step = Callable[[BlockingStore], Any]

STEPS = 150
STATES = list(RunState)
TEXTS = [None, "", "x", "ä\0\udcff"]
FOLDERS = ["/1", "/2", "/\udcff"]


class Walk:
    """Draws steps by chance; few names and small numbers, so that the same run is met again."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._draws: list[Callable[[], Step]] = [
            *[self._add, self._claim, self._advance, self._change] * 3,
            self._note_progress,
            self._restore,
            self._delete,
            self._add_owner,
            self._delete_owner,
            *[self._select] * 2,
        ]

    def step(self) -> Step:
        return self._chance.choice(self._draws)()

    def _one(self, values: Any) -> Any:
        return self._chance.choice(values)

    def _time(self) -> float:
        return float(self._chance.randrange(10))

    def _id(self) -> str:
        return f"r{self._chance.randrange(12)}"

    def _progress(self) -> Progress:
        usage = TokenUsage(self._chance.randrange(9), total_tokens=self._chance.randrange(9))
        return Progress(self._chance.randrange(9), usage, self._one(TEXTS) or "")

    def _claimed(self) -> Claim:
        return Claim(self._one("op"), self._chance.randrange(1, 3))

    def _changes(self) -> Change:
        return Change(
            thread_id=self._one([None, None, "t", "u"]),
            turn_id=self._one(TEXTS),
            reason=self._one(TEXTS),
            message=self._one(TEXTS),
            ended_at=self._one([None, self._time()]),
            progress=self._one([None, self._progress()]),
            phase=self._one([None, None, *Phase]),
        )

    def _add(self) -> Step:
        given = submission(
            self._id(),
            cwd=self._one(FOLDERS),
            group=self._one("ggh"),
            created_at=self._time(),
            thread_id=self._one([None, None, "t", "u"]),
            key=self._one(["", "k"]),
            priority=self._chance.randrange(-1, 2),
            idempotency_key=self._one([None, None, "x", "y"]),
            delay_s=self._one([0.0, 3.0]),
        )
        return lambda store: store.add(given)

    def _claim(self) -> Step:
        owner, group, now = self._one("op"), self._one("ggh"), self._time()
        limits = Limits(self._chance.randrange(6), self._chance.randrange(4))
        return lambda store: store.claim(owner, group, limits, now)

    def _advance(self) -> Step:
        state, change, last = self._one(sorted(ACTIVE)), self._changes(), self._one(STATES)

        def advance(store: BlockingStore) -> Any:
            found = store.select(Selection(states={state}, limit=1))
            return [store.change(run.id, last, change, by=run.claim) for run in found]

        return advance

    def _change(self) -> Step:
        run_id, to, change = self._id(), self._one(STATES), self._changes()
        by = self._one([None, self._claimed()])
        return lambda store: store.change(run_id, to, change, by=by)

    def _note_progress(self) -> Step:
        progress = {(self._id(), self._claimed()): self._progress() for _ in range(6)}
        return lambda store: store.note_progress(progress)

    def _restore(self) -> Step:
        runs = [
            ended(self._id(), created_at=self._time(), state=self._one(STATES)) for _ in range(3)
        ]
        return lambda store: store.restore(runs)

    def _delete(self) -> Step:
        run_ids = {self._id() for _ in range(4)}
        return lambda store: store.delete(run_ids)

    def _add_owner(self) -> Step:
        owner = Owner(self._one("opq"), self._chance.randrange(3), "", "g")
        return lambda store: store.add_owner(owner)

    def _delete_owner(self) -> Step:
        owner = self._one("opq")
        return lambda store: store.delete_owner(owner)

    def _select(self) -> Step:
        selection = Selection(
            states=self._one([None, set(self._chance.sample(STATES, 3))]),
            cwd=self._one([None, *FOLDERS]),
            before=self._one([None, self._chance.randrange(-1, 30)]),
            limit=self._chance.randrange(-1, 6),
            by_end=self._one([False, True]),
            end_before=self._one([None, self._time()]),
        )
        return lambda store: store.select(selection)


@settings(max_examples=settings().max_examples // 5)
@given(st.integers(0, 2**32))
def test_both_stores_answer_every_sequence_of_steps_alike(seed: int) -> None:
    walk = Walk(Random(seed))  # noqa: S311 - for variety, not for secrets
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        memory = MemoryStore()
        sqlite = stack.enter_context(contextlib.closing(SqliteStore(Path(folder) / "r.sqlite")))
        for _ in range(STEPS):
            step = walk.step()
            assert _outcome(step, sqlite) == _outcome(step, memory)
            assert _everything(sqlite) == _everything(memory)


def _outcome(step: Step, store: BlockingStore) -> Any:
    try:
        return step(store)
    except CodexMCPError as error:
        return type(error), str(error)


def _everything(store: BlockingStore) -> Any:
    runs = store.select(Selection(limit=100))
    work = store.owned("o"), store.unsettled("o"), store.owners()
    return runs, store.counts("g"), store.counts("h"), *work
