"""Runs as JSON, for scripts.

Pure.
"""

from __future__ import annotations

import json
from typing import Any

from codexmcp.picker.source import Snapshot
from codexmcp.runs.run import Run


def to_json(snapshot: Snapshot) -> str:
    """Return a snapshot as a JSON document.

    `more` names the kinds with further runs. Texts are unchanged, with JSON's escapes.
    """
    pages = {"running": snapshot.running, "completed": snapshot.completed}
    document: dict[str, Any] = {
        "folder": snapshot.view.folder,
        "counts": {str(state): count for state, count in snapshot.counts.items()},
        **{name: [_fields(run) for run in page.runs] for name, page in pages.items()},
        "more": [name for name, page in pages.items() if page.following is not None],
    }
    # Only ASCII: harmless in a terminal.
    return json.dumps(document, indent=2)


def _fields(run: Run) -> dict[str, Any]:
    usage = run.progress.usage
    return {
        "runId": run.id,
        "status": str(run.state),
        "title": run.title,
        "threadId": run.thread_id,
        "cwd": run.request.cwd,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "reason": run.reason,
        "lastStep": run.progress.last_step,
        "totalTokens": usage.total_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_output_tokens,
        "auditDir": run.request.audit_dir,
    }
