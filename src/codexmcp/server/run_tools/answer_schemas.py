"""The schemas of the answers of the run tools, in the shapes of `answers`.

Pure, and imported by relays: must not import the store or the client of app-server.

Source: Codex 0.163.0 as a client shows models no schema of answers with plain tools; in code mode
the declaration of a tool, looked up by a script, has the answers as a type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codexmcp.mcp_tools import (
    FLAG,
    INTEGER,
    INTEGER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    list_of,
    one_of,
    record,
)
from codexmcp.runs.states import RunState

KINDS = ("command", "file_change", "permissions", "input", "elicitation")
"""Kinds of questions, as in `Approval.kind`."""

_ANY = tuple(RunState)
_OVER = [state for state in RunState if state.is_over]
_UNDER_WAY = [state for state in RunState if not state.is_over]

_PROGRESS = record(
    {
        "events": INTEGER,
        "totalTokens": INTEGER,
        "outputTokens": INTEGER,
        "reasoningTokens": INTEGER,
    },
    {"lastStep": TEXT},
)
_ENDING: dict[str, Schema] = {"message": TEXT, "reason": TEXT, "pages": INTEGER}


def _run(status: Sequence[str]) -> dict[str, Schema]:
    return {"runId": TEXT, "status": one_of(status), "threadId": TEXT_OR_NULL}


def _listed(status: Sequence[str]) -> dict[str, Schema]:
    return {"runId": TEXT, "status": one_of(status), "title": TEXT}


ACTED: Schema = record(_run(_ANY))

STARTED: Schema = record(
    {**_run(_ANY), "timedOut": FLAG},
    {"timeoutMs": INTEGER_OR_NULL, "waitElapsedMs": INTEGER, "progress": _PROGRESS, **_ENDING},
)
"""A handle, or a run that ended within the wait of the call."""

_WAITED = record(
    {
        **_run([*_OVER, "still_running"]),
        "timedOut": FLAG,
        "waitElapsedMs": INTEGER,
        "progress": _PROGRESS,
    },
    {"nextWaitMs": INTEGER, "waitsFor": TEXT, **_ENDING, "cut": FLAG},
)

WAITED: Schema = {
    "type": "object",
    "anyOf": [
        {"$ref": "#/$defs/run"},
        record(
            {
                "status": one_of(["done", "still_running"]),
                "runs": list_of({"$ref": "#/$defs/run"}),
            }
        ),
    ],
    "$defs": {"run": _WAITED},
}
"""One run for `run_id`, a list for `run_ids`."""

RESULT: Schema = record(
    {
        "runId": TEXT,
        "status": one_of(_OVER),
        "page": INTEGER,
        "pages": INTEGER,
        "message": TEXT,
    },
    {"reason": TEXT},
)

ACTIVE_RUNS: Schema = record(
    {
        "runs": list_of(
            record({**_listed(_UNDER_WAY), "threadId": TEXT_OR_NULL, "progress": _PROGRESS})
        )
    },
    {"more": FLAG},
)

RUNS: Schema = record({"runs": list_of(record(_listed(_ANY)))}, {"nextCursor": TEXT})

APPROVALS: Schema = record(
    {
        "approvals": list_of(
            record(
                {"approvalId": TEXT, "runId": TEXT, "kind": one_of(KINDS), "question": TEXT},
                {"agent": TEXT, "requestedSchema": {"type": "object"}, "url": TEXT},
            )
        )
    }
)

CHECK: Schema = record(
    {
        "ok": FLAG,
        "version": TEXT,
        "codexVersion": TEXT_OR_NULL,
        "checks": {"type": "object", "additionalProperties": TEXT},
        "elapsedMs": INTEGER,
        "defaultTimeoutMs": INTEGER,
        "waitSoftTimeoutMs": INTEGER,
        "defaultPermissions": TEXT,
    }
)


def approved(decisions: Iterable[str]) -> Schema:
    """Return the schema of an answered question.

    Args:
        decisions: The possible decisions.
    """
    return record({"approvalId": TEXT, "runId": TEXT, "decision": one_of(decisions)})
