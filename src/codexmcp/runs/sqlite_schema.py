"""The tables of the store of runs, and migrations of older tables.

Pure.
"""

from __future__ import annotations

from codexmcp.runs.states import ACTIVE, OVER, Phase

# ruff: noqa: S608 - what is put into the statements are this package's own states and phases


def _words(states: frozenset[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


IS_ACTIVE = f"state IN ({_words(ACTIVE)})"
"""The condition of the partial index. A query needs this exact text to use the index."""

IS_OVER = f"state IN ({_words(OVER)})"

IS_UNSETTLED = f"{IS_OVER} AND phase IS NOT '{Phase.GIVEN_BACK}'"

_ONE_MORE = """
    INSERT INTO tallies (grp, state, count) VALUES (new.grp, new.state, 1)
    ON CONFLICT (grp, state) DO UPDATE SET count = count + 1
"""
_ONE_LESS = """
    UPDATE tallies SET count = count - 1 WHERE grp = old.grp AND state = old.state
"""

# A row of `runs` is small, because every change rewrites the row: large values are in `texts`. A
# sequence is never reused, so paging by sequence stays correct after deletions.
# `by_state` and `by_cwd` end in the sequence, as every index of SQLite ends in the rowid: their
# ends have the newest runs of one state, or of one state in one folder.
# `queued` covers the whole query for claiming, and so quickly skips runs that may not start yet.
# Triggers maintain `tallies`: counting 100,000 rows takes 7 ms, with an event loop waiting.
_FIRST = (
    """
    CREATE TABLE runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        grp TEXT NOT NULL,
        key TEXT NOT NULL,
        priority INTEGER NOT NULL,
        created_at REAL NOT NULL,
        delay_s REAL NOT NULL,
        idempotency_key TEXT,
        cwd TEXT NOT NULL,
        started_at REAL,
        ended_at REAL,
        owner TEXT,
        attempt INTEGER NOT NULL,
        thread_id TEXT,
        turn_id TEXT,
        reason TEXT NOT NULL,
        events INTEGER NOT NULL,
        usage TEXT NOT NULL,
        last_step TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE texts (
        sequence INTEGER PRIMARY KEY REFERENCES runs (sequence) ON DELETE CASCADE,
        request TEXT NOT NULL,
        message TEXT NOT NULL
    )
    """,
    "CREATE TABLE owners (id TEXT PRIMARY KEY, pid INTEGER, socket TEXT, grp TEXT)",
    """
    CREATE TABLE tallies (
        grp TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (grp, state)
    ) WITHOUT ROWID
    """,
    f"CREATE TRIGGER tally_added AFTER INSERT ON runs BEGIN {_ONE_MORE}; END",
    f"CREATE TRIGGER tally_deleted AFTER DELETE ON runs BEGIN {_ONE_LESS}; END",
    f"CREATE TRIGGER tally_moved AFTER UPDATE OF state ON runs BEGIN {_ONE_LESS}; {_ONE_MORE}; END",
    """
    CREATE UNIQUE INDEX idempotent ON runs (grp, idempotency_key)
    WHERE idempotency_key IS NOT NULL
    """,
    "CREATE INDEX by_state ON runs (state)",
    "CREATE INDEX by_cwd ON runs (cwd, state)",
    f"CREATE INDEX active ON runs (key, grp, thread_id, owner) WHERE {IS_ACTIVE}",
    """
    CREATE INDEX queued ON runs (
        grp, priority DESC, sequence, key, thread_id, created_at, delay_s
    ) WHERE state = 'queued'
    """,
)

# An idempotency key was unique within a group only: of several runs the first keeps the key. An
# ended run with an unrecorded owner needs no settling. A supervisor of 0.1.0 may be using the file,
# and continues without phases (see `phase_in`). It takes over the runs of dead owners in `owners`,
# by rules with the risk of sending a prompt twice, so later owners are in a table unknown to 0.1.0.
_SECOND = (
    "ALTER TABLE runs ADD COLUMN phase TEXT",
    "ALTER TABLE runs ADD COLUMN retried INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX idempotent",
    """
    UPDATE runs SET idempotency_key = NULL
    WHERE idempotency_key IS NOT NULL AND sequence NOT IN (
        SELECT min(sequence) FROM runs WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key
    )
    """,
    """
    CREATE UNIQUE INDEX idempotent ON runs (idempotency_key) WHERE idempotency_key IS NOT NULL
    """,
    f"""
    UPDATE runs SET phase = '{Phase.GIVEN_BACK}'
    WHERE {IS_OVER} AND (owner IS NULL OR owner NOT IN (SELECT id FROM owners))
    """,
    f"CREATE INDEX unsettled ON runs (owner) WHERE {IS_UNSETTLED}",
    "CREATE INDEX begun ON runs (thread_id) WHERE state = 'queued' AND attempt > 0",
    "CREATE TABLE keepers (id TEXT PRIMARY KEY, pid INTEGER, socket TEXT, grp TEXT)",
)

END = "coalesce(ended_at, created_at)"
"""The end of a run; see `store.end_of`."""

# For lists by end, as `by_state` and `by_cwd` are for lists by sequence; for the newest run of a
# thread.
_THIRD = (
    f"CREATE INDEX by_end ON runs (state, {END})",
    f"CREATE INDEX by_cwd_and_end ON runs (cwd, state, {END})",
    "CREATE INDEX by_thread ON runs (thread_id)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD)
"""Statements of each migration to the next version; a published migration never changes."""

VERSION = len(MIGRATIONS)
"""The current version, stored in the file's `user_version`. 0: a new file."""
