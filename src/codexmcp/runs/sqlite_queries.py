"""The statements of the store of runs.

Pure. Each uses an index, so the cost does not grow with the number of ended runs.
"""

from __future__ import annotations

import math

from codexmcp.runs.sqlite_rows import CHANGING, FIXED, TEXTS, Value
from codexmcp.runs.sqlite_schema import END, IS_ACTIVE, IS_OVER, IS_UNSETTLED
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection

# ruff: noqa: S608 - what is put into the statements are this package's own columns and states

_ADDED = (*FIXED, *CHANGING, "delay_s", "idempotency_key")
_MOST = 2**63 - 1
_NEVER = math.inf

READ = (
    f"SELECT sequence, {', '.join((*FIXED, *CHANGING, *TEXTS))}"
    " FROM runs LEFT JOIN texts USING (sequence)"
)

ADD = f"INSERT INTO runs ({', '.join(_ADDED)}) VALUES ({', '.join(f':{name}' for name in _ADDED)})"

ADD_TEXTS = "INSERT INTO texts (sequence, request, message) VALUES (:sequence, :request, :message)"

WRITE = (
    f"UPDATE runs SET {', '.join(f'{name} = :{name}' for name in CHANGING)}"
    " WHERE sequence = :sequence"
)

# This statement touches no index, and most changes of an ended run are of this kind.
WRITE_PHASE = "UPDATE runs SET phase = :phase WHERE sequence = :sequence"

WRITE_MESSAGE = "UPDATE texts SET message = :message WHERE sequence = :sequence"

WRITE_PROGRESS = (
    "UPDATE runs SET events = :events, usage = :usage, last_step = :last_step"
    f" WHERE id = :id AND owner = :owner AND attempt = :attempt AND {IS_ACTIVE}"
)

# Without a prefix, the newest ids come from the table's own order.
IDS = (
    "SELECT id FROM runs WHERE :first = '' OR id BETWEEN :first AND :last"
    " ORDER BY sequence DESC LIMIT :limit"
)

COUNT = "SELECT state, count FROM tallies WHERE grp = :grp AND count > 0"

TALLY = "SELECT state, sum(count) FROM tallies GROUP BY state HAVING sum(count) > 0"

TALLY_OF_FOLDER = "SELECT state, count(*) FROM runs WHERE cwd = :cwd GROUP BY state"

OWNED = (
    f"{READ} WHERE sequence IN (SELECT sequence FROM runs WHERE {IS_ACTIVE} AND owner = :owner)"
    " ORDER BY sequence"
)

UNSETTLED = (
    f"{READ} WHERE sequence IN (SELECT sequence FROM runs WHERE {IS_UNSETTLED} AND owner = :owner)"
    " ORDER BY sequence"
)

ADD_OWNER = (
    "INSERT INTO keepers (id, pid, socket, grp) VALUES (:id, :pid, :socket, :grp)"
    " ON CONFLICT (id) DO UPDATE SET pid = :pid, socket = :socket, grp = :grp"
)

OWNERS = (
    "SELECT id, pid, socket, grp FROM (SELECT 0 AS age, rowid AS place, * FROM owners"
    " UNION ALL SELECT 1, rowid, * FROM keepers) ORDER BY age, place"
)

DELETE = f"DELETE FROM runs WHERE id = :id AND {IS_OVER}"

# The index `queued` is named, so no guess of SQLite about the data can make claiming slow.
NEXT = f"""
    SELECT sequence FROM runs INDEXED BY queued
    WHERE state = 'queued' AND grp = :grp
      AND (SELECT count(*) FROM runs WHERE {IS_ACTIVE} AND grp = :grp) < :total
      AND :per_key > 0
      AND key NOT IN
          (SELECT key FROM runs WHERE {IS_ACTIVE} GROUP BY key HAVING count(*) >= :per_key)
      AND (thread_id IS NULL OR thread_id NOT IN
          (SELECT thread_id FROM runs WHERE {IS_ACTIVE} AND thread_id IS NOT NULL))
      AND (thread_id IS NULL OR sequence = coalesce(
          (SELECT min(begun.sequence) FROM runs AS begun
           WHERE begun.state = 'queued' AND begun.attempt > 0 AND begun.thread_id = runs.thread_id
             AND begun.grp = :grp),
          sequence))
      AND NOT (created_at <= :now AND :now < created_at + delay_s)
    ORDER BY priority DESC, sequence LIMIT 1
"""


def selected(selection: Selection) -> tuple[str, dict[str, Value]]:
    """Return the statement for a list of runs, and its values."""
    values: dict[str, Value] = {
        "before": _MOST if selection.before is None else max(0, min(selection.before, _MOST)),
        "limit": min(max(0, selection.limit), _MOST),
        "cwd": selection.cwd,
        "thread_id": selection.thread_id,
        "end": _NEVER if selection.end_before is None else selection.end_before,
    }
    states = selection.states
    newest_of = _latest if selection.by_end else _newest
    if selection.thread_id is not None:
        newest = _newest("thread_id = :thread_id AND ")
    elif states is None and selection.cwd is None and not selection.by_end:
        newest = _newest("")
    else:
        # One index cannot return several states in one order: each state has its own query.
        folder = "" if selection.cwd is None else "cwd = :cwd AND "
        asked = sorted(RunState if states is None else set(states))
        each = [newest_of(f"{folder}state = '{state}' AND ") for state in asked]
        newest = " UNION ALL ".join(f"SELECT * FROM ({one})" for one in each)
    order = f"{END} DESC, sequence DESC" if selection.by_end else "sequence DESC"
    statement = f"{READ} WHERE sequence IN ({newest or 'NULL'}) ORDER BY {order} LIMIT :limit"
    return statement, values


def _newest(conditions: str) -> str:
    return (
        f"SELECT sequence FROM runs WHERE {conditions}sequence < :before"
        " ORDER BY sequence DESC LIMIT :limit"
    )


def _latest(conditions: str) -> str:
    # A range of the index first, and then the few runs with exactly this end.
    return (
        f"SELECT sequence FROM runs WHERE {conditions}{END} <= :end"
        f" AND ({END} < :end OR sequence < :before)"
        f" ORDER BY {END} DESC, sequence DESC LIMIT :limit"
    )
