"""The index: the read position of each rollout, and every spending, once.

Owns the tables and their statements. The index is only a cache: any error of sqlite3 passes
through, and the caller continues with an index in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codexmcp.data_classes import dataclass
from codexmcp.usage.rollouts import Reading, Rollout
from codexmcp.usage.thread import Spending, Thread
from codexmcp.usage.tokens import Tokens

_PATIENCE_S = 60.0
_VERSION = 2
_BATCH = 10_000
_SLOT_S = 900
"""Time zone offsets are multiples of 15 minutes, so a slot is within a single day of any zone."""

_TABLES = (
    """
    CREATE TABLE files (
        path BLOB PRIMARY KEY, identity TEXT NOT NULL, size INTEGER NOT NULL,
        changed_ns INTEGER NOT NULL, id INTEGER NOT NULL UNIQUE, offset INTEGER NOT NULL,
        mark BLOB NOT NULL, broken INTEGER NOT NULL, copies INTEGER NOT NULL,
        unfinished INTEGER NOT NULL, damage TEXT NOT NULL,
        thread_id TEXT NOT NULL, model TEXT NOT NULL, thread TEXT NOT NULL
    )
    """,
    "CREATE INDEX by_thread ON files (thread_id)",
    "CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE spendings (
        key INTEGER PRIMARY KEY, file INTEGER NOT NULL, at INTEGER NOT NULL,
        model INTEGER NOT NULL, provider INTEGER NOT NULL, cwd INTEGER NOT NULL,
        input INTEGER NOT NULL, cached INTEGER NOT NULL, written INTEGER NOT NULL,
        output INTEGER NOT NULL, reasoning INTEGER NOT NULL
    )
    """,
)

_KEEP = """
    INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET identity = excluded.identity, size = excluded.size,
        changed_ns = excluded.changed_ns, offset = excluded.offset, mark = excluded.mark,
        broken = excluded.broken, copies = excluded.copies, unfinished = excluded.unfinished,
        damage = excluded.damage, thread_id = excluded.thread_id,
        model = excluded.model, thread = excluded.thread
"""
_SPEND = "INSERT OR IGNORE INTO spendings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Entry:
    """The index's entry for a rollout.

    Attributes:
        rollout: The rollout's state when read.
        id: The number of the entry.
        copies: The number of spendings already known from another rollout.
        reading: The read position.
    """

    rollout: Rollout
    id: int
    copies: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Flaws:
    """Faults of rollouts.

    Attributes:
        broken_lines: The number of unparseable lines.
        broken_rollouts: The number of rollouts with such lines.
        unfinished: The number of rollouts with an incomplete last line, not read yet.
        damaged: The number of rollouts with a decompression error.
        damage: The path and error of one of them; empty without errors.
    """

    broken_lines: int
    broken_rollouts: int
    unfinished: int
    damaged: int
    damage: str


@dataclass(frozen=True, slots=True)
class SpendingSum:
    """Spendings of a quarter of an hour with the same properties.

    Attributes:
        at: The start of the quarter, in Unix seconds.
        model: The model; empty if unknown.
        provider: The provider's id; empty if unknown.
        cwd: The working directory.
        limits: The number of requested limits exceeded by each request's input.
        requests: The number of requests.
        tokens: Their total.
        client: The program.
        hour_written: The part of the tokens written to an hour's cache.
    """

    at: int
    model: str
    provider: str
    cwd: str
    limits: int
    requests: int
    tokens: Tokens
    client: str = "Codex"
    hour_written: int = 0


class Index:
    """The index of a home, to be closed after use.

    Args:
        path: The file, created if missing; None keeps the index in memory.

    Raises:
        sqlite3.Error: The index is not usable; this applies to every method.
        OSError: The file cannot be created.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        name = ":memory:" if path is None else path
        self._database = sqlite3.connect(name, timeout=_PATIENCE_S, isolation_level=None)
        self._words: dict[str, int] = {}
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def _prepare(self) -> None:
        execute = self._database.execute
        if execute("PRAGMA user_version").fetchone()[0] == _VERSION:
            return
        with self.step():
            # Another process may have created the tables in the meantime.
            if execute("PRAGMA user_version").fetchone()[0] == _VERSION:
                return
            for name in ("files", "words", "spendings"):
                execute(f"DROP TABLE IF EXISTS {name}")
            for table in _TABLES:
                execute(table)
            execute(f"PRAGMA user_version = {_VERSION}")

    @contextlib.contextmanager
    def step(self) -> Generator[None]:
        """Run the following statements as a transaction, with a lock against other writers."""
        self._database.execute("BEGIN IMMEDIATE")
        # Another process may have added words, or a new version recreated the tables.
        self._words.clear()
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def seen(self) -> dict[str, Rollout]:
        """Return the rollouts in their state when read, by path."""
        rows = self._database.execute("SELECT path, identity, size, changed_ns FROM files")
        return {rollout.path: rollout for rollout in map(_rollout, rows)}

    def get(self, path: str) -> Entry | None:
        """Return the entry of a rollout; None for a new rollout."""
        statement = "SELECT * FROM files WHERE path = ?"
        row = self._database.execute(statement, (os.fsencode(path),)).fetchone()
        if row is None:
            return None
        try:
            thread = Thread.from_json(json.loads(row[13]))
        except ValueError:
            # Not continuable; an empty mark causes a read from the beginning.
            return Entry(_rollout(row), row[4], row[8], Reading(offset=row[5]))
        reading = Reading(thread, offset=row[5], mark=row[6], broken=row[7])
        return Entry(_rollout(row), row[4], row[8], reading)

    def move(self, path: str, to: str) -> None:
        """Record the new path of a rollout."""
        self._database.execute(
            "UPDATE OR REPLACE files SET path = ? WHERE path = ?",
            (os.fsencode(to), os.fsencode(path)),
        )

    def forget(self, paths: Iterable[str]) -> None:
        """Remove rollouts with their spendings.

        Rollouts with copies of these spendings are removed as well, to be read again: their copies
        were not stored.
        """
        execute = self._database.execute
        gone = {os.fsencode(path) for path in paths if self.get(path) is not None}
        if gone:
            gone.update(row[0] for row in execute("SELECT path FROM files WHERE copies > 0"))
        for path in gone:
            execute(
                "DELETE FROM spendings WHERE file = (SELECT id FROM files WHERE path = ?)", (path,)
            )
            execute("DELETE FROM files WHERE path = ?", (path,))

    def model_of(self, thread_id: str) -> str:
        """Return the latest model of a thread; empty if unknown."""
        row = self._database.execute(
            "SELECT model FROM files WHERE thread_id = ? AND model != ''", (thread_id,)
        ).fetchone()
        return "" if row is None else str(row[0])

    def threads(self) -> set[str]:
        """Return the ids of all threads with a rollout."""
        return {row[0] for row in self._database.execute("SELECT thread_id FROM files")}

    def flaws(self) -> Flaws:
        """Return the faults of the rollouts."""
        row = self._database.execute(
            """
            SELECT COALESCE(SUM(broken), 0), COALESCE(SUM(broken > 0), 0),
                COALESCE(SUM(unfinished), 0), COALESCE(SUM(damage != ''), 0) FROM files
            """
        ).fetchone()
        damaged = self._database.execute(
            "SELECT path, damage FROM files WHERE damage != '' ORDER BY path LIMIT 1"
        ).fetchone()
        damage = "" if damaged is None else f"{os.fsdecode(damaged[0])}: {damaged[1]}"
        return Flaws(row[0], row[1], row[2], row[3], damage)

    def keep(self, rollout: Rollout, reading: Reading, spendings: Iterable[Spending]) -> None:
        """Store the read position of a rollout, and its new spendings.

        Args:
            rollout: The rollout's current state.
            reading: The read position, valid after `spendings` is exhausted.
            spendings: The new spendings; consumed here.
        """
        entry = self.get(rollout.path)
        number, copies = (self._next(), 0) if entry is None else (entry.id, entry.copies)
        rest = iter(spendings)
        while batch := [self._row(number, each) for each in islice(rest, _BATCH)]:
            before = self._database.total_changes
            self._database.executemany(_SPEND, batch)
            copies += len(batch) - (self._database.total_changes - before)
        path = os.fsencode(rollout.path)
        values = (path, rollout.identity, rollout.size, rollout.changed_ns, number)
        thread = reading.thread
        read = (reading.offset, reading.mark, reading.broken, copies)
        flaws = (reading.is_unfinished, reading.damage)
        of_thread = (thread.id, thread.model, json.dumps(thread.to_json()))
        self._database.execute(_KEEP, (*values, *read, *flaws, *of_thread))

    def sums(
        self, since: float | None, until: float | None, limits: Sequence[int]
    ) -> Iterator[SpendingSum]:
        """Yield all spendings of a period, aggregated as far as a report permits.

        Args:
            since: Unix time; None means from the beginning.
            until: Unix time, exclusive; None means to the end.
            limits: Sizes of a request's input with an effect on prices.
        """
        over = " + ".join(["0", *(f"(input > {int(limit)})" for limit in limits)])
        rows = self._database.execute(
            f"""
            SELECT at / {_SLOT_S} AS slot, models.word, providers.word, cwds.word, {over} AS over,
                COUNT(*), SUM(input), SUM(cached), SUM(written), SUM(output), SUM(reasoning)
            FROM spendings JOIN words AS models ON models.id = model
                JOIN words AS providers ON providers.id = provider
                JOIN words AS cwds ON cwds.id = cwd
            WHERE at >= ? AND at < ?
            GROUP BY slot, model, provider, cwd, over
            """,  # noqa: S608 - only numbers
            (_MIN if since is None else since, _MAX if until is None else until),
        )
        for slot, model, provider, cwd, limits_passed, requests, *counts in rows:
            at = slot * _SLOT_S
            yield SpendingSum(at, model, provider, cwd, limits_passed, requests, Tokens(*counts))

    def _row(self, number: int, each: Spending) -> tuple[int, ...]:
        words = map(self._word, (each.model, each.provider, each.cwd))
        return (each.key, number, int(each.at), *words, *each.tokens)

    def _next(self) -> int:
        row = self._database.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM files").fetchone()
        return int(row[0])

    def _word(self, word: str) -> int:
        known = self._words.get(word)
        if known is None:
            self._database.execute("INSERT OR IGNORE INTO words (word) VALUES (?)", (word,))
            row = self._database.execute("SELECT id FROM words WHERE word = ?", (word,))
            known = self._words[word] = int(row.fetchone()[0])
        return known


_MIN, _MAX = -(2**62), 2**62


def _rollout(row: Sequence[Any]) -> Rollout:
    return Rollout(os.fsdecode(row[0]), *row[1:4])
