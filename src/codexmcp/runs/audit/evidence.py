"""The traces of one attempt in the file of events of its run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import AuditError
from codexmcp.jsonvalues import dig, integer_of, object_of, text_of
from codexmcp.runs.audit.lines import Record
from codexmcp.runs.audit.reading import last_records
from codexmcp.runs.states import RunState

MAX_THREADS = 100
_BEGINNINGS = frozenset({RunState.QUEUED, RunState.STARTING})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts about an attempt in the file of events.

    Attributes:
        turn_id: The first turn on the thread of the run. None: no turn in the file.
        threads: The threads in the file, those of sub-agents included; the latest `MAX_THREADS`.
    """

    turn_id: str | None = None
    threads: frozenset[str] = frozenset()


def evidence_of(folder: Path, run_id: str, attempt: int, thread_id: str | None) -> Evidence:
    """Return the facts about an attempt in a run's file of events; empty for an unreadable file.

    Args:
        folder: Folder of the audit files.
        run_id: The run.
        attempt: Number of the attempt; must be the last attempt.
        thread_id: The thread of the run. None: unknown.
    """
    turn_id: str | None = None
    threads: set[str] = set()
    try:
        for record in _records_of(folder, run_id, attempt):
            params = object_of(record.get("params"))
            thread = text_of(params.get("threadId"))
            if thread is not None and thread == thread_id:
                found = text_of(params.get("turnId")) or text_of(dig(params, "turn", "id"))
                turn_id = found or turn_id
            named = (thread, dig(params, "thread", "id"), dig(params, "item", "agentThreadId"))
            threads |= {each for each in map(text_of, named) if each and len(threads) < MAX_THREADS}
    except (OSError, AuditError):
        pass
    return Evidence(turn_id, frozenset(threads))


def _records_of(folder: Path, run_id: str, attempt: int) -> Iterator[Record]:
    """Yield the lines of the last attempt, in reverse order."""
    for record in last_records(folder, run_id):
        state = text_of(record.get("state"))
        if state in _BEGINNINGS or (state and integer_of(record.get("attempt")) != attempt):
            return
        yield record
