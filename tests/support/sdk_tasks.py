"""Tasks for the client of the MCP Python SDK, which has claims on results but no tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.types import CallToolResult, Request, RequestParams, Result

from codexmcp.server.envelope import TASKS_EXTENSION

POLL_S = 0.1


class CreatedTask(Result):
    """The answer to a call that became a task."""

    result_type: Literal["task"]
    task_id: str


class TaskResult(Result):
    """The result of a request about a task."""

    status: str = ""
    result: dict[str, Any] | None = None
    input_requests: dict[str, Any] | None = None


class TaskParams(RequestParams):
    """Parameters of a request about a task."""

    task_id: str
    input_responses: dict[str, Any] | None = None


class TaskRequest(Request[TaskParams, str]):
    """A request about a task."""

    name_param: ClassVar[str | None] = "taskId"


class Tasks(ClientExtension):
    """Polls tasks to their end, and gives one answer to all questions.

    Args:
        action: The answer.

    Attributes:
        ids: The tasks so far.
        questions: The questions so far.
    """

    identifier = TASKS_EXTENSION

    def __init__(self, action: str = "accept") -> None:
        self._action = action
        self.ids: list[str] = []
        self.questions: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """Return the claim on tasks."""
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self._resolve)]

    async def _resolve(self, made: CreatedTask, context: ClaimContext) -> CallToolResult:
        self.ids.append(made.task_id)
        while True:
            task = await self._ask(context, "tasks/get", made.task_id)
            if task.result is not None:
                return CallToolResult.model_validate(task.result)
            assert task.status in {"working", "input_required"}, task
            if asked := task.input_requests:
                self.questions += [each["params"]["message"] for each in asked.values()]
                responses = {key: {"action": self._action, "content": {}} for key in asked}
                await self._ask(context, "tasks/update", made.task_id, responses)
            await asyncio.sleep(POLL_S)

    async def _ask(
        self,
        context: ClaimContext,
        method: str,
        task_id: str,
        responses: dict[str, Any] | None = None,
    ) -> TaskResult:
        params = TaskParams(task_id=task_id, input_responses=responses)
        request = TaskRequest(method=method, params=params)
        return await context.session.send_request(request, TaskResult)
