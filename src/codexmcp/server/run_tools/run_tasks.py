"""Runs as MCP tasks: the id of a run is the id of its task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codexmcp.errors import (
    CodexMCPError,
    RunErrorKind,
    RunNotFoundError,
    RunRefusedError,
    StateError,
)
from codexmcp.runs.facade import Runs
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.server.questions import read_answer, standard_question
from codexmcp.server.run_tools import answers
from codexmcp.server.run_tools.remedies import REMEDIES
from codexmcp.server.tasks import Task, TaskStatus
from codexmcp.worker_thread import in_thread

CANCEL_WAIT_S = 2.0
"""Bound on the wait for the end of a cancelled run; the run ends in any case."""

FOLLOW_S = 1.0
"""Shortest interval between two notifications about the progress of a run."""

_POLLS_S = ((60.0, 2.0), (600.0, 5.0))
"""Recommended intervals of polls by the age of a run, in seconds."""
_SLOW_POLL_S = 10.0
_QUESTION_POLL_S = 1.0

_STATUS = {
    RunState.COMPLETED: TaskStatus.COMPLETED,
    # The tool has a result, namely an error; a failed task is an error of the protocol.
    RunState.FAILED: TaskStatus.COMPLETED,
    RunState.TIMED_OUT: TaskStatus.COMPLETED,
    RunState.LOST: TaskStatus.COMPLETED,
    RunState.INTERRUPTED: TaskStatus.CANCELLED,
}


class RunTasks:
    """The runs of one caller, as a `TaskSource`.

    Args:
        runs: The runs of the caller.
        plain_result: Returns the result of a run in place of a call of `codex`.
    """

    def __init__(self, runs: Runs, plain_result: Callable[[Run], dict[str, Any]]) -> None:
        self._runs = runs
        self._plain_result = plain_result

    async def task(self, task_id: str) -> Task | None:
        """Return the task of a run; None for an unknown run, or a run outside of the policy."""
        try:
            run = await self._runs.get(task_id)
        except (RunNotFoundError, RunRefusedError):
            return None
        return await self.of_run(run)

    async def of_run(self, run: Run) -> Task:
        """Return a run as a task."""
        questions: dict[str, Any] = {}
        if run.state is RunState.WAITING_FOR_APPROVAL:
            waiting = await self._runs.approvals(run.id)
            questions = {each.id: standard_question(each.request, each.agent) for each in waiting}
        status = _STATUS.get(run.state, TaskStatus.WORKING)
        if questions:
            status = TaskStatus.INPUT_REQUIRED
        return Task(
            id=run.id,
            status=status,
            message=_message(run),
            created_at=run.created_at,
            updated_at=_updated_at(run),
            poll_s=_QUESTION_POLL_S if questions else _poll_s(run),
            questions=questions,
            result=await self._result(run) if status is TaskStatus.COMPLETED else None,
        )

    async def _result(self, run: Run) -> dict[str, Any]:
        if run.request.tool is None:
            return answers.result(run).to_wire()
        if run.request.output_schema is None:
            return self._plain_result(run)
        # In a thread: a check against a large schema takes a second, at each poll.
        return await in_thread(lambda: self._plain_result(run))

    async def answer(self, task_id: str, responses: Mapping[str, Mapping[str, Any]]) -> None:
        """Answer questions of a run; see `TaskSource.answer`."""
        waiting = {each.id for each in await self._runs.approvals(task_id)}
        for key in waiting & responses.keys():
            # Source: ext-tasks; a dismissed question is asked again later.
            if responses[key].get("action") == "cancel":
                continue
            try:
                await self._runs.answer(key, read_answer(responses[key]))
            except StateError as error:
                if error.kind is not RunErrorKind.NO_QUESTION:
                    raise error.advised(REMEDIES) from None

    async def cancel(self, task_id: str) -> None:
        """Interrupt a run; a longer stop goes on after the return."""
        try:
            async with asyncio.timeout(CANCEL_WAIT_S):
                await self._runs.interrupt(task_id)
        except TimeoutError:
            pass
        except StateError as error:
            if error.kind is not RunErrorKind.OVER:
                raise error.advised(REMEDIES) from None

    async def changed(self, task_ids: Sequence[str]) -> None:
        """Wait for the end of a run, or for `FOLLOW_S`; see `TaskSource.changed`."""
        try:
            await self._runs.wait(task_ids, for_all=False, timeout_s=FOLLOW_S)
        except CodexMCPError:
            # A run was deleted meanwhile.
            await asyncio.sleep(FOLLOW_S)


def _message(run: Run) -> str:
    if run.state.is_over:
        return run.reason or run.state.replace("_", " ")
    if run.state is RunState.QUEUED:
        return run.reason or "waits for its turn in the queue"
    if run.state is RunState.WAITING_FOR_APPROVAL:
        return run.reason or "waits for an answer"
    return run.progress.last_step or "Codex is starting"


def _updated_at(run: Run) -> float:
    known = (run.created_at, run.started_at, run.progress.updated_at, run.ended_at)
    return max(each for each in known if each is not None)


def _poll_s(run: Run) -> float:
    age_s = time.time() - (run.started_at or run.created_at)
    return next((poll_s for bound_s, poll_s in _POLLS_S if age_s < bound_s), _SLOW_POLL_S)
