"""Runs as rows of the store's tables, and back.

Pure. Reading is tolerant: a broken value in a row counts as empty, and the run is kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from functools import lru_cache

from codexmcp.appserver.events import parse_usage
from codexmcp.jsonvalues import integer_of
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import RunState, phase_in

Value = str | bytes | int | float | None

FIXED = ("id", "grp", "key", "priority", "created_at", "cwd")
"""Unchanging columns of `runs`."""

CHANGING = (
    "state",
    "started_at",
    "ended_at",
    "owner",
    "attempt",
    "thread_id",
    "turn_id",
    "reason",
    "events",
    "usage",
    "last_step",
    "phase",
    "retried",
)
"""Changing columns of `runs`."""

TEXTS = ("request", "message")
"""Columns of `texts`."""


def row_of(run: Run) -> dict[str, Value]:
    """Return the values of a run by column, `texts` included."""
    return changing_row(run) | bound(
        {
            "id": run.id,
            "grp": run.group,
            "key": run.key,
            "priority": run.priority,
            "created_at": run.created_at,
            "cwd": run.request.cwd,
            "request": json.dumps(run.request.to_json()),
        }
    )


def changing_row(run: Run) -> dict[str, Value]:
    """Return the changing values of a run by column, `message` included, and the sequence."""
    return bound(
        {
            "sequence": run.sequence,
            "state": run.state.value,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "owner": run.owner,
            "attempt": run.attempt,
            "thread_id": run.thread_id,
            "turn_id": run.turn_id,
            "reason": run.reason,
            "message": run.message,
            "phase": run.phase,
            "retried": run.retried,
            **progress_row(run.progress),
        }
    )


def progress_row(progress: Progress) -> dict[str, Value]:
    """Return the values of a run's progress by column."""
    return bound(
        {
            "events": progress.events,
            "usage": json.dumps(progress.usage.to_json()),
            "last_step": progress.last_step,
        }
    )


def run_of(row: sqlite3.Row) -> Run:
    """Return the run in a row of `runs`, joined with `texts`."""
    names, values = tuple(row.keys()), tuple(row)
    # Pollers read the same rows each second, and decoding a request takes most of a read.
    texts = (row["request"], row["message"])
    size = sum(len(each) for each in texts if isinstance(each, str | bytes))
    return _remembered(names, values) if size <= _REMEMBERED_SIZE else _decoded(names, values)


def _decoded(names: tuple[str, ...], values: tuple[Value, ...]) -> Run:
    row = dict(zip(names, values, strict=True))
    state, turn_id = _state(row["state"]), _text_or_none(row["turn_id"])
    return Run(
        id=_text(row["id"]),
        sequence=integer_of(row["sequence"]) or 0,
        request=_request(row),
        state=state,
        group=_text(row["grp"]),
        key=_text(row["key"]),
        priority=integer_of(row["priority"]) or 0,
        created_at=_time(row["created_at"]) or 0.0,
        started_at=_time(row["started_at"]),
        ended_at=_time(row["ended_at"]),
        owner=_text_or_none(row["owner"]),
        attempt=integer_of(row["attempt"]) or 0,
        thread_id=_text_or_none(row["thread_id"]),
        turn_id=turn_id,
        reason=_text(row["reason"]),
        message=_text(row["message"]),
        progress=Progress(
            events=integer_of(row["events"]) or 0,
            usage=parse_usage(_json(row["usage"])),
            last_step=_text(row["last_step"]),
        ),
        phase=phase_in(state, _text_or_none(row["phase"]), has_turn=turn_id is not None),
        retried=integer_of(row["retried"]) or 0,
    )


_REMEMBERED_SIZE = 16 * 1024
"""Bound on the texts of a remembered row, in characters, for a bound on memory."""

_remembered = lru_cache(maxsize=512)(_decoded)


def bound(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values in a form accepted by SQLite.

    A path that is not UTF-8 has lone surrogates in Python. Such a path is kept as bytes, which
    SQLite compares in the same way as text.
    """
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="surrogatepass")
    return value


def _text(value: object) -> str:
    return _text_or_none(value) or ""


def _text_or_none(value: object) -> str | None:
    if not isinstance(value, bytes):
        return value if isinstance(value, str) else None
    try:
        return value.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return value.decode(errors="replace")


def _time(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _json(value: object) -> object:
    try:
        return json.loads(_text(value))
    except ValueError:
        return None


def _request(row: Mapping[str, Value]) -> RunRequest:
    try:
        return RunRequest.from_json(_json(row["request"]))
    except ValueError:
        return RunRequest(prompt="", cwd=_text(row["cwd"]), audit_dir="")


def _state(value: object) -> RunState:
    try:
        return RunState(_text(value))
    except ValueError:
        # The state is unknown, and LOST has that meaning.
        return RunState.LOST
