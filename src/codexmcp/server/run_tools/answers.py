"""Answers of the run tools.

Pure. Source: names of fields and the shape of `still_running` are from Codex MCP Sidecar.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import without_nulls
from codexmcp.runs.approvals import Approval
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState

PAGE_CHARACTERS = 20_000
"""Longest part of a final message in one answer: some clients refuse answers of 25,000 tokens."""

STILL_RUNNING = "still_running"


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The answer to a call of a run tool.

    Attributes:
        fields: The value for programs.
        is_error: The call failed.
    """

    fields: dict[str, Any]
    is_error: bool = False

    def to_wire(self, *, strict: bool = False) -> dict[str, Any]:  # noqa: ARG002 - as CallResult
        """Return the result of `tools/call`."""
        text = json.dumps(self.fields, ensure_ascii=False)
        result = {"content": [{"type": "text", "text": text}], "structuredContent": self.fields}
        return {**result, "isError": True} if self.is_error else result


def handle(run: Run) -> dict[str, Any]:
    """Return the handle of a run after its start."""
    return {
        "runId": run.id,
        "status": run.state,
        "threadId": run.thread_id,
        "timedOut": False,
        "timeoutMs": None if run.request.timeout_s is None else round(run.request.timeout_s * 1000),
    }


def waited(run: Run, *, elapsed_s: float, next_wait_s: float | None) -> dict[str, Any]:
    """Return the status of a run after a wait.

    Args:
        run: The run.
        elapsed_s: Duration of the wait, in seconds.
        next_wait_s: Recommended duration of the next wait. None: until the end.
    """
    answer: dict[str, Any] = {
        "runId": run.id,
        "status": run.state if run.state.is_over else STILL_RUNNING,
        "threadId": run.thread_id,
        "timedOut": run.state is RunState.TIMED_OUT,
        "waitElapsedMs": round(elapsed_s * 1000),
    }
    if not run.state.is_over:
        answer["nextWaitMs"] = 0 if next_wait_s is None else round(next_wait_s * 1000)
    answer["progress"] = progress(run)
    if run.state in {RunState.QUEUED, RunState.WAITING_FOR_APPROVAL}:
        answer["waitsFor"] = run.reason or "its turn in the queue"
    return answer | ending(run) if run.state.is_over else answer


def result(run: Run) -> ToolAnswer:
    """Return the answer of an ended run, to a client that has not called `codex_wait`."""
    elapsed_s = (run.ended_at or run.created_at) - run.created_at
    fields = waited(run, elapsed_s=elapsed_s, next_wait_s=None)
    return ToolAnswer(fields, is_error=run.state is not RunState.COMPLETED)


def progress(run: Run) -> dict[str, Any]:
    """Return the progress of a run."""
    usage = run.progress.usage
    counts: dict[str, Any] = {
        "events": run.progress.events,
        "totalTokens": usage.total_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningTokens": usage.reasoning_output_tokens,
    }
    return counts | {"lastStep": run.progress.last_step} if run.progress.last_step else counts


def ending(run: Run) -> dict[str, Any]:
    """Return the ending of a run, with the beginning of its final message within the bound."""
    pages = page_count(run.message)
    answer: dict[str, Any] = {"message": run.message[:PAGE_CHARACTERS]}
    if run.reason:
        answer["reason"] = run.reason
    if pages > 1:
        answer["pages"] = pages
    return answer


def listed(run: Run) -> dict[str, Any]:
    """Return a run as an entry of a list."""
    return {"runId": run.id, "status": run.state, "title": run.title}


def active(run: Run) -> dict[str, Any]:
    """Return an active run as an entry of a list."""
    return {**listed(run), "threadId": run.thread_id, "progress": progress(run)}


def acted(run: Run) -> dict[str, Any]:
    """Return a steered or interrupted run."""
    return {"runId": run.id, "status": run.state, "threadId": run.thread_id}


def answered(approval: Approval, decision: str) -> dict[str, Any]:
    """Return an answered question."""
    return {"approvalId": approval.id, "runId": approval.run_id, "decision": decision}


def approvals(waiting: Sequence[Approval]) -> dict[str, Any]:
    """Return the waiting questions."""
    return {"approvals": [_approval(each) for each in waiting]}


def _approval(approval: Approval) -> dict[str, Any]:
    more = {
        "agent": approval.agent or None,
        "requestedSchema": approval.form,
        "url": approval.url,
    }
    return {
        "approvalId": approval.id,
        "runId": approval.run_id,
        "kind": approval.kind,
        "question": approval.text,
        **without_nulls(more),
    }


def page_count(message: str) -> int:
    """Return the number of pages of a final message; 1 for an empty message."""
    return max(1, -(-len(message) // PAGE_CHARACTERS))


def page_of(run: Run, page: int) -> dict[str, Any]:
    """Return a page of the final message of an ended run.

    Args:
        run: The run.
        page: Page number, from 1.
    """
    start = (page - 1) * PAGE_CHARACTERS
    return {
        "runId": run.id,
        "status": run.state,
        "page": page,
        "pages": page_count(run.message),
        "message": run.message[start : start + PAGE_CHARACTERS],
        **({"reason": run.reason} if run.reason else {}),
    }
