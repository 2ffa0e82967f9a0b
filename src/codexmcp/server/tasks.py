"""MCP Tasks: calls answered by a durable handle, with questions and the result fetched later.

Owns the wire format and the methods of the extension, and knows nothing of runs: a `TaskSource`
does the work. Nothing here is tied to a connection, so any client with access may continue a task.

Source: extension io.modelcontextprotocol/tasks, 2026-07-28 (SEP-2663).
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError, RequestError, UsageError
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import is_object, without_nulls
from codexmcp.server.envelope import Envelope, check_declares_tasks


class TaskStatus(StrEnum):
    """The status of a task.

    WORKING: under way, or waiting for its turn.
    INPUT_REQUIRED: questions are open.
    COMPLETED: the call has a result, possibly an error of the tool.
    FAILED: the call would have been a JSON-RPC error.
    CANCELLED: stopped before the result.
    """

    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """The status is final."""
        return self in {TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class Task:
    """A task.

    Attributes:
        id: The id.
        status: The status.
        message: The progress, in one line.
        created_at: Unix time, in seconds.
        updated_at: Unix time of the last change, in seconds.
        poll_s: Recommended interval of polls, in seconds.
        ttl_s: Life since the creation, in seconds. None: unlimited.
        questions: Parameters of `elicitation/create` by key. A key is never used again.
        result: The result of the call. None: not completed.
        error: Code and message of a failed task. None: not failed.
    """

    id: str
    status: TaskStatus
    message: str
    created_at: float
    updated_at: float
    poll_s: float
    ttl_s: float | None = None
    questions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


class TaskSource(Protocol):
    """The work behind tasks. Each method decides about the access of its client."""

    async def task(self, task_id: str) -> Task | None:
        """Return a task; None for an unknown task, or a task of somebody else."""
        ...

    async def answer(self, task_id: str, responses: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer questions of a task.

        Args:
            task_id: A task returned by `task`.
            responses: Results of `elicitation/create` by key. Unknown and settled keys are ignored.

        Raises:
            UsageError: A content does not fit its question; the question stays open.
        """
        ...

    async def cancel(self, task_id: str) -> None:
        """Begin to cancel a task returned by `task`. A task that is over stays as it is."""
        ...

    async def changed(self, task_ids: Sequence[str]) -> None:
        """Wait until one of some tasks may have changed: for its end, or for a short time.

        Args:
            task_ids: Tasks returned by `task`, and not over.
        """
        ...


def created(task: Task) -> dict[str, Any]:
    """Return the answer to a call that became a task."""
    return {"resultType": "task", **_fields(task)}


def detailed(task: Task, envelope: Envelope) -> dict[str, Any]:
    """Return a whole task, with the questions that its client can show."""
    whole = _fields(task)
    if task.status is TaskStatus.INPUT_REQUIRED:
        shown = {key: each for key, each in task.questions.items() if _can_show(each, envelope)}
        if not shown:
            # Without a question that the client can show, it could only poll.
            return {**whole, "status": TaskStatus.WORKING}
        requests = {key: {"method": "elicitation/create", "params": p} for key, p in shown.items()}
        return {**whole, "inputRequests": requests}
    # As a result of the call itself, so with its type: the TypeScript package requires the type.
    result = None if task.result is None else {"resultType": "complete", **task.result}
    return {**whole, **without_nulls({"result": result, "error": task.error})}


def _can_show(question: Mapping[str, Any], envelope: Envelope) -> bool:
    return envelope.takes_urls if question.get("mode") == "url" else envelope.takes_forms


def _fields(task: Task) -> dict[str, Any]:
    return {
        "taskId": task.id,
        "status": task.status,
        "statusMessage": task.message,
        "createdAt": _iso(task.created_at),
        "lastUpdatedAt": _iso(task.updated_at),
        "ttlMs": None if task.ttl_s is None else round(task.ttl_s * 1000),
        "pollIntervalMs": round(task.poll_s * 1000),
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def task_answer(
    source: TaskSource | None, method: str, params: messages.JsonObject, envelope: Envelope
) -> dict[str, Any]:
    """Return the result of `tasks/get`, `tasks/update` or `tasks/cancel`.

    Args:
        source: The tasks of the client. None: no tasks, so each is unknown.
        method: The method.
        params: The parameters of the request.
        envelope: The envelope of the request.

    Raises:
        RequestError: The client does not declare tasks, the task is unknown, or the work behind
            the task cannot be reached.
    """
    check_declares_tasks(method, envelope)
    task_id, task = params.get("taskId"), None
    with as_request_error(method):
        if source is not None and isinstance(task_id, str):
            task = await source.task(task_id)
        if source is None or task is None:
            raise RequestError(
                method,
                messages.INVALID_PARAMS,
                f"unknown task {str(task_id)[:80]!r}: it never existed, was deleted, or is not "
                "visible to this client",
            )
        match method:
            case "tasks/get":
                return detailed(task, envelope)
            case "tasks/update":
                await source.answer(task.id, _responses(method, params))
            case _ if not task.status.is_over:
                await source.cancel(task.id)
            case _:
                pass
    return {}


@contextlib.contextmanager
def as_request_error(method: str) -> Generator[None, None, None]:
    """Turn errors of the work behind tasks into errors of the protocol."""
    try:
        yield
    except RequestError:
        raise
    except UsageError as error:
        raise RequestError(method, messages.INVALID_PARAMS, str(error)) from error
    except CodexMCPError as error:
        raise RequestError(method, messages.INTERNAL_ERROR, str(error)) from error


def _responses(method: str, params: messages.JsonObject) -> dict[str, Mapping[str, Any]]:
    responses = params.get("inputResponses")
    if not is_object(responses):
        raise RequestError(
            method, messages.INVALID_PARAMS, "inputResponses must be an object: answers by key"
        )
    return {key: each for key, each in responses.items() if is_object(each)}
