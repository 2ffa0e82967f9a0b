"""The tables of the store of runs, and how older ones become today's.

Pure.
"""

from __future__ import annotations

from codexmcp.runs.states import ACTIVE, OVER


def _words(states: frozenset[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


IS_ACTIVE = f"state IN ({_words(ACTIVE)})"
"""The condition of the partial index. A query must have it in these words to be answered by it."""

IS_OVER = f"state IN ({_words(OVER)})"

_ONE_MORE = """
    INSERT INTO tallies (grp, state, count) VALUES (new.grp, new.state, 1)
    ON CONFLICT (grp, state) DO UPDATE SET count = count + 1
"""
_ONE_LESS = """
    UPDATE tallies SET count = count - 1 WHERE grp = old.grp AND state = old.state
"""

# A row of `runs` is small, because every change writes its row anew: what may be large lies in
# `texts`. Its sequence is never given twice, so that paging by it stays right after deletions.
# `by_state` and `by_cwd` end in the sequence, as every index of SQLite ends in the rowid: so the
# newest of one state, or of one state in one folder, are read off their ends.
# `queued` holds all that claiming asks, so that it passes quickly over runs that may not start yet.
# `tallies` is kept by triggers: to count 100,000 rows takes 7 ms, and an event loop would wait.
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

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)
"""Statements that lead from each version to the next; a published one never changes."""

VERSION = len(MIGRATIONS)
"""Today's version, kept in the file's `user_version`. A new file has 0."""
