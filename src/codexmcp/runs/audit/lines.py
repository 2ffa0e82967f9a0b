"""The lines of a run's file of events, as objects and as bytes.

Pure. After the header, there is a line for each event of Codex, each change of the run's state,
each approval, and for unwritten lines. The header and the last line of a state together have all
fields of the run in a store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from itertools import islice
from typing import Any

from codexmcp.appserver.events import ConnectionLost, Event
from codexmcp.jsonvalues import is_list, is_object, without_nulls
from codexmcp.runs.audit.secret_shapes import REDACTED
from codexmcp.runs.run import Run, RunRequest

FORMAT = "codexmcp-run"
VERSION = 1
MAX_LINE_BYTES = 2 * 1024 * 1024
"""A longer line is truncated, with a note about the cut."""

_TEXT_LIMITS = (64 * 1024, 4 * 1024, 256)
_MAX_ELEMENTS = 500
_MAX_DEPTH = 12
_SECRET_TABLES = frozenset({"env", "set", "http_headers", "httpHeaders"})

Record = dict[str, Any]
"""One decoded line."""


def header_line(run: Run) -> Record:
    """Return the first line of a run's file."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "runId": run.id,
        "createdAt": run.created_at,
        "group": run.group,
        "key": run.key,
        "priority": run.priority,
        "request": request_record(run.request),
    }


def request_record(request: RunRequest) -> Record:
    """Return a request as JSON, with names of environment variables and without their values."""
    fields = request.to_json()
    names = sorted(fields.pop("env", {}))
    fields = {name: _without_tables(value) for name, value in fields.items()}
    return {**fields, "env_names": names} if names else fields


def event_line(event: Event, at: float, agent: str = "") -> Record:
    """Return the line of an event.

    Args:
        event: The event.
        at: Unix time, in seconds.
        agent: Path of the event's sub-agent; empty for the root.
    """
    params: Mapping[str, Any] = event.params
    if isinstance(event, ConnectionLost):
        params = {"reason": str(event.reason)}
    whose = {"agent": agent} if agent else {}
    return {"at": at, **whose, "method": event.method, "params": params}


def is_piece(method: str) -> bool:
    """Return whether an event is a piece of a later event's content."""
    return method[-5:].lower() == "delta"


def state_line(run: Run, at: float, unknown: Mapping[str, int] | None = None) -> Record:
    """Return the line of a state; the line of an ended run has the whole result.

    Args:
        run: The run.
        at: Unix time, in seconds.
        unknown: Number of notifications and items unknown to this release, by name.
    """
    line: Record = {
        "at": at,
        "state": run.state.value,
        "reason": run.reason,
        "threadId": run.thread_id,
        "turnId": run.turn_id,
        "attempt": run.attempt,
        "owner": run.owner,
        "startedAt": run.started_at,
    }
    if run.state.is_over:
        line |= {
            "endedAt": run.ended_at,
            "message": run.message,
            "usage": run.progress.usage.to_json(),
            "events": run.progress.events,
            "unknown": dict(unknown) if unknown else None,
        }
    return without_nulls(line)


def approval_line(question: Mapping[str, Any], decision: str | None, by: str, at: float) -> Record:
    """Return the line of an approval.

    Args:
        question: Codex's question.
        decision: The answer. None: still open.
        by: Person or program behind the decision; empty while open.
        at: Unix time, in seconds.
    """
    return {"at": at, "approval": dict(question), "decision": decision, "by": by}


def lost_line(count: int, at: float) -> Record:
    """Return the line with the number of unwritten lines before."""
    return {"at": at, "lost": count}


def encode(line: Mapping[str, Any]) -> bytes:
    """Return a line as bytes with its line end, truncated if too long or too deep."""
    try:
        data = _bytes_of(line)
    except (RecursionError, ValueError, TypeError):
        return _bytes_of(_cut(line, _TEXT_LIMITS[-1]))
    if len(data) <= MAX_LINE_BYTES:
        return data
    note = {"cut": f"{len(data)} bytes"}
    for limit in _TEXT_LIMITS:
        shorter = _bytes_of({**_cut(line, limit), **note})
        if len(shorter) <= MAX_LINE_BYTES:
            return shorter
    kept = {name: value for name, value in line.items() if not isinstance(value, dict | list)}
    return _bytes_of({**_cut(kept, _TEXT_LIMITS[-1]), **note})


def _bytes_of(line: Mapping[str, Any]) -> bytes:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    # The remains of a broken surrogate pair become an escape of their own in JSON.
    return f"{text}\n".encode(errors="backslashreplace")


def _cut(value: Any, limit: int, depth: int = 0) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, str):
        return value if len(value) <= limit else f"{value[:limit]}… [cut: {len(value)} characters]"
    if depth >= _MAX_DEPTH and (is_list(value) or is_object(value)):
        return "[cut: too deep]"
    if is_list(value):
        elements = [_cut(each, limit, depth + 1) for each in value[:_MAX_ELEMENTS]]
        return [*elements, *_more(value)]
    if is_object(value):
        first = islice(value.items(), _MAX_ELEMENTS)
        fields = {str(name)[:limit]: _cut(each, limit, depth + 1) for name, each in first}
        return fields | dict(zip(("cut",), _more(value), strict=False))
    return value if isinstance(value, int | float | None) else f"[cut: {type(value).__name__}]"


def _more(value: Sized) -> list[str]:
    left_out = len(value) - _MAX_ELEMENTS
    return [f"[cut: {left_out} more]"] if left_out > 0 else []


def _without_tables(value: object) -> object:
    """Return a value without the values in its tables of variables and headers."""
    if is_list(value):
        return [_without_tables(each) for each in value]
    if not is_object(value):
        return value
    return {name: _without_table(name, each) for name, each in value.items()}


def _without_table(name: str, value: object) -> object:
    # A name in a configuration may be a whole dotted path.
    if _SECRET_TABLES.isdisjoint(name.split(".")):
        return _without_tables(value)
    return dict.fromkeys(value, REDACTED) if is_object(value) else REDACTED
