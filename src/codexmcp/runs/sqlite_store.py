"""A store of runs in a SQLite file, shared by several processes.

One store belongs to one thread. Every statement is short enough for an event loop.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.data_classes import replace
from codexmcp.errors import StoreError
from codexmcp.runs import changes
from codexmcp.runs import sqlite_queries as sql
from codexmcp.runs.run import Claim, Progress, Run, Submission
from codexmcp.runs.sqlite_errors import store_error
from codexmcp.runs.sqlite_file import open_database, transaction
from codexmcp.runs.sqlite_rows import Value, bound, changing_row, progress_row, row_of, run_of
from codexmcp.runs.states import RunState
from codexmcp.runs.store import BlockingStore, Change, Limits, Owner, Selection

_NOTHING = Change()


class SqliteStore(BlockingStore):
    """A `BlockingStore` in a SQLite file.

    Args:
        path: The file; a missing file is created with the mode 0600, in a folder with 0700.
        patience_s: Bound on a step's wait for other processes, in seconds.

    Raises:
        StoreCorruptError: The store must be rebuilt; see `sqlite_file.set_aside`.
        StoreError: The store cannot be used.
    """

    def __init__(self, path: Path, *, patience_s: float = 2.0) -> None:
        self._path = path
        with self._translated():
            self._connection = open_database(path, patience_s)

    def add(self, submission: Submission) -> tuple[Run, bool]:
        """See `BlockingStore.add`."""
        with self._step():
            if known := self._submitted(submission):
                return known, False
            if self._find("id", submission.id):
                raise StoreError(
                    f"there is a run {submission.id} already: submit it under another id"
                )
            run = changes.queued(submission, sequence=0)
            return self._insert(run, submission.delay_s, submission.idempotency_key), True

    def get(self, run_id: str) -> Run | None:
        """See `BlockingStore.get`."""
        with self._translated():
            return self._find("id", run_id)

    def select(self, selection: Selection) -> list[Run]:
        """See `BlockingStore.select`."""
        with self._translated():
            return [run_of(row) for row in self._execute(*sql.selected(selection))]

    def ids(self, prefix: str, limit: int) -> list[str]:
        """See `BlockingStore.ids`."""
        values: dict[str, Value] = {"first": prefix, "limit": max(0, limit)}
        # No id has a character beyond ASCII.
        values["last"] = f"{prefix}\N{REPLACEMENT CHARACTER}"
        with self._translated():
            return [str(row["id"]) for row in self._execute(sql.IDS, values)]

    def counts(self, group: str) -> Mapping[RunState, int]:
        """See `BlockingStore.counts`."""
        with self._translated():
            found = dict(tuple(row) for row in self._execute(sql.COUNT, {"grp": group}))
        return {state: found[state] for state in RunState if state in found}

    def tally(self, cwd: str | None) -> Mapping[RunState, int]:
        """See `BlockingStore.tally`."""
        statement = sql.TALLY if cwd is None else sql.TALLY_OF_FOLDER
        with self._translated():
            found = dict(tuple(row) for row in self._execute(statement, {"cwd": cwd}))
        return {state: found[state] for state in RunState if state in found}

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """See `BlockingStore.claim`."""
        # Usually there is nothing to claim, and reading needs no lock.
        with self._translated():
            if self._next(group, limits, now) is None:
                return None
        with self._step():
            sequence = self._next(group, limits, now)
            if sequence is None or (run := self._find("sequence", sequence)) is None:
                return None
            return self._write(run, changes.claimed(run, owner, now))

    def change(
        self, run_id: str, to: RunState, change: Change = _NOTHING, *, by: Claim | None = None
    ) -> Run:
        """See `BlockingStore.change`."""
        with self._step():
            if (run := self._find("id", run_id)) is None:
                raise changes.unknown(run_id)
            after = changes.changed(run, to, change, by)
            if to is run.state and change == Change(phase=change.phase):
                self._execute(sql.WRITE_PHASE, {"phase": after.phase, "sequence": run.sequence})
                return after
            return self._write(run, after)

    def note_progress(self, progress: Mapping[tuple[str, Claim], Progress]) -> None:
        """See `BlockingStore.note_progress`."""
        with self._step():
            for (run_id, by), each in progress.items():
                who: dict[str, Value] = {"id": run_id, "owner": by.owner, "attempt": by.attempt}
                self._execute(sql.WRITE_PROGRESS, who | progress_row(each))

    def restore(self, runs: Sequence[Mapping[str, Any]]) -> int:
        """See `BlockingStore.restore`."""
        found = [run for run in map(changes.restored, runs) if run is not None]
        count = 0
        with self._step():
            for run in sorted(found, key=lambda run: run.created_at):
                if not self._find("id", run.id):
                    self._insert(run)
                    count += 1
        return count

    def delete(self, run_ids: Collection[str]) -> int:
        """See `BlockingStore.delete`."""
        with self._step():
            return sum(self._execute(sql.DELETE, {"id": each}).rowcount for each in set(run_ids))

    def add_owner(self, owner: Owner) -> None:
        """See `BlockingStore.add_owner`."""
        values: dict[str, Value] = {
            "id": owner.id,
            "pid": owner.pid,
            "socket": owner.socket,
            "grp": owner.group,
        }
        with self._step():
            self._execute(sql.ADD_OWNER, values)

    def owners(self) -> list[Owner]:
        """See `BlockingStore.owners`."""
        with self._translated():
            return [Owner(*row) for row in self._execute(sql.OWNERS, {})]

    def delete_owner(self, owner_id: str) -> None:
        """See `BlockingStore.delete_owner`."""
        with self._step():
            self._execute("DELETE FROM owners WHERE id = :id", {"id": owner_id})
            self._execute("DELETE FROM keepers WHERE id = :id", {"id": owner_id})

    def owned(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.owned`."""
        with self._translated():
            return [run_of(row) for row in self._execute(sql.OWNED, {"owner": owner_id})]

    def unsettled(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.unsettled`."""
        with self._translated():
            return [run_of(row) for row in self._execute(sql.UNSETTLED, {"owner": owner_id})]

    def close(self) -> None:
        """See `BlockingStore.close`."""
        with self._translated():
            self._connection.close()

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        # OverflowError: a number too large for a column. UnicodeDecodeError: sqlite3 fails to
        # report an error of a damaged file.
        except (sqlite3.Error, OSError, OverflowError, UnicodeDecodeError) as error:
            raise store_error(self._path, error) from error

    @contextlib.contextmanager
    def _step(self) -> Generator[None]:
        with self._translated(), transaction(self._connection):
            yield

    def _execute(self, statement: str, values: Mapping[str, Value]) -> sqlite3.Cursor:
        return self._connection.execute(statement, bound(values))

    def _find(self, column: str, value: Value) -> Run | None:
        row = self._execute(f"{sql.READ} WHERE {column} = :value", {"value": value}).fetchone()
        return None if row is None else run_of(row)

    def _submitted(self, submission: Submission) -> Run | None:
        if submission.idempotency_key is None:
            return None
        return self._find("idempotency_key", submission.idempotency_key)

    def _next(self, group: str, limits: Limits, now: float) -> int | None:
        values: dict[str, Value] = {
            "grp": group,
            "total": limits.total,
            "per_key": limits.per_key,
            "now": now,
        }
        row = self._execute(sql.NEXT, values).fetchone()
        return None if row is None else int(row["sequence"])

    def _insert(self, run: Run, delay_s: float = 0.0, idempotency_key: str | None = None) -> Run:
        values = row_of(run)
        more: dict[str, Value] = {"delay_s": delay_s, "idempotency_key": idempotency_key}
        sequence = self._execute(sql.ADD, values | more).lastrowid
        self._execute(sql.ADD_TEXTS, values | {"sequence": sequence})
        return replace(run, sequence=sequence or 0)

    def _write(self, before: Run, after: Run) -> Run:
        values = changing_row(after)
        self._execute(sql.WRITE, values)
        if after.message != before.message:
            self._execute(sql.WRITE_MESSAGE, values)
        return after
