"""`Runs`: supervised runs, independent of the life of the program.

A facade over the supervisor: it starts one if needed, sends actions to the owner of a run, and
reads the store for the status of runs. Promises: no call blocks the event loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from codexmcp.api.events import QuestionAsked, TurnEvent
from codexmcp.api.options import OnQuestion, Reply, answer_of
from codexmcp.api.results import Result
from codexmcp.api.run_values import (
    RunInfo,
    RunOptions,
    end_of,
    events_of,
    info_of,
    params_of,
    question_of,
    result_of,
)
from codexmcp.api.supervisor import SupervisorAccess
from codexmcp.api.surroundings import Access
from codexmcp.jsonvalues import list_of, object_of
from codexmcp.runs.approvals import DECISIONS
from codexmcp.runs.audit.following import EventFile
from codexmcp.runs.run import Run
from codexmcp.runs.states import ACTIVE, Phase, RunState
from codexmcp.runs.store import Selection
from codexmcp.supervisor import methods

_FIRST_POLL_S = 0.05
_LONGEST_POLL_S = 0.5

_WORDS = {decision: word for word, decision in DECISIONS.items()}


class Runs:
    """The supervised runs of a Codex home. An asynchronous context manager.

    Args:
        home: The Codex home. None: `CODEX_HOME`, or `~/.codex`.
        api_key: The key for the model. None: the environment's, or Codex's login.
        base_url: The Responses-API endpoint for the key. None: the environment's, or OpenAI's.
        endpoint: A Responses-API endpoint without a key, in place of all other access.
        env: The environment of runs, without secrets. None: our own.
    """

    def __init__(
        self,
        *,
        home: str | Path | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        endpoint: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._access = Access(home, api_key, base_url, endpoint, env)
        self._supervisor: SupervisorAccess | None = None

    async def __aenter__(self) -> Self:
        """Find the store of runs. The first run starts a supervisor.

        Raises:
            CredentialsError: No key and no login.
            ConfigurationError: The binary, the home or a setting cannot be used.
        """
        self._supervisor = await asyncio.to_thread(SupervisorAccess, self._access)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store; the runs continue."""
        supervisor, self._supervisor = self.supervisor(), None
        await supervisor.close()

    async def start(self, prompt: str, **options: Unpack[RunOptions]) -> SupervisedRun:
        """Start a run, and a supervisor if none runs.

        Args:
            prompt: The task.
            options: See `RunOptions`.

        Raises:
            RunError: The supervisor refused.
            ConfigurationError: No supervisor can be started.
        """
        return await self.begun(methods.START, prompt, options)

    async def run(
        self, prompt: str, on_question: OnQuestion | None = None, **options: Unpack[RunOptions]
    ) -> Result:
        """Start a run and wait for its result. A cancelled wait leaves the run at work.

        Args:
            prompt: The task.
            on_question: Answers questions of the run. None: left to other clients.
            options: See `RunOptions`.
        """
        return await (await self.start(prompt, **options)).result(on_question)

    async def get(self, run_id: str) -> SupervisedRun:
        """Return a run by its id.

        Raises:
            RunNotFoundError: The id is unknown.
        """
        await self.supervisor().found(run_id)
        return SupervisedRun(self, run_id)

    async def list(self, *, active: bool = False, limit: int = 20) -> list[RunInfo]:
        """Return the newest runs of the Codex home.

        Args:
            active: Only runs without an end.
            limit: Largest number of runs.
        """
        states = {*ACTIVE, RunState.QUEUED} if active else None
        selection = Selection(states, limit=limit)
        runs = await self.supervisor().read(lambda directory: directory.select(selection))
        return [info_of(run) for run in runs]

    async def begun(
        self, method: str, prompt: str, options: RunOptions, run_id: str | None = None
    ) -> SupervisedRun:
        """Start a run with a method of the supervisor; for `SupervisedRun`."""
        params = {**params_of(prompt, options), **({} if run_id is None else {"run_id": run_id})}
        answer = await self.supervisor().ask(method, params)
        return SupervisedRun(self, str(answer["runId"]))

    def supervisor(self) -> SupervisorAccess:
        """Return the access to the supervisor; for `SupervisedRun`."""
        if self._supervisor is None:
            raise RuntimeError("use Runs in `async with`")
        return self._supervisor


class SupervisedRun:
    """A supervised run, independent of the life of this program. Made by `Runs`.

    Args:
        runs: Its home.
        run_id: Its id.
    """

    def __init__(self, runs: Runs, run_id: str) -> None:
        self._runs = runs
        self.run_id = run_id

    async def status(self) -> RunInfo:
        """Return the status of the run."""
        return info_of(await self._found())

    async def events(self) -> AsyncGenerator[TurnEvent]:
        """Yield the events of the run from its beginning to its end, without deltas.

        The last one is `TurnEnded`. The end of the iteration leaves the run at work.
        """
        run, is_over, asked = await self._found(), False, set[str]()
        file = EventFile(Path(run.request.audit_dir), self.run_id)
        try:
            while not is_over:
                # In this order, so that the last events are read.
                run = await self._found()
                is_over = run.state.is_over and run.phase is not Phase.ENDED
                for line in await asyncio.to_thread(lambda: list(file.new_lines())):
                    for event in events_of(line):
                        yield event
                for question in await self._new_questions(run, asked):
                    yield question
                if not is_over:
                    await asyncio.sleep(_FIRST_POLL_S)
        finally:
            file.close()
        yield end_of(run)

    async def result(self, on_question: OnQuestion | None = None) -> Result:
        """Wait for the end of the run, and return its result.

        Args:
            on_question: Answers questions of the run. None: left to other clients.

        Raises:
            TurnFailedError: The turn failed, or the message does not match the output schema.
            DeadlineError: The run reached its bound.
            RunLostError: The run was cut off; `resume` continues it.
            RunNotFoundError: The run was deleted.
        """
        run, asked, poll_s, has_joined = await self._found(), set[str](), _FIRST_POLL_S, False
        while not await self._is_settled(run):
            if not has_joined and run.state in {RunState.QUEUED, RunState.LOST}:
                # A supervisor must work on it, or find its end in Codex's records.
                await self._runs.supervisor().join()
                has_joined = True
            if on_question is not None:
                for question in await self._new_questions(run, asked):
                    given = on_question(question)
                    reply: Reply = await given if inspect.isawaitable(given) else given
                    await self.answer(question, reply)
            await asyncio.sleep(poll_s)
            poll_s = min(poll_s * 1.5, _LONGEST_POLL_S)
            run = await self._found()
        return await asyncio.to_thread(result_of, run)

    async def steer(self, prompt: str) -> None:
        """Add input to the turn of the run.

        Raises:
            RunError: No turn is under way.
        """
        await self._act(methods.STEER, run_id=self.run_id, prompt=prompt)

    async def interrupt(self) -> None:
        """Stop the run, or withdraw it from the queue.

        Raises:
            RunError: The run is over, or out of reach.
        """
        await self._act(methods.INTERRUPT, runId=self.run_id)

    async def questions(self) -> list[QuestionAsked]:
        """Return the open questions of the run."""
        answer = await self._act(methods.APPROVALS, run_id=self.run_id)
        return [question_of(object_of(each)) for each in list_of(answer.get("approvals"))]

    async def answer(self, question: QuestionAsked, reply: Reply) -> None:
        """Answer a question of the run.

        Args:
            question: The question.
            reply: A decision, or, to accept, the fields of the question's form.

        Raises:
            UsageError: The reply is no decision.
            RunError: The question is closed, or the reply does not match its form.
        """
        given = answer_of(reply)
        await self._act(
            methods.ANSWER,
            approvalId=question.question_id,
            decision=_WORDS[given.decision],
            content=dict(given.content),
        )

    async def resume(self, prompt: str, **options: Unpack[RunOptions]) -> SupervisedRun:
        """Start a further run on the thread of this one; see `Runs.start`.

        Raises:
            RunError: The run has no thread, or the thread is in use.
        """
        return await self._runs.begun(methods.RESUME, prompt, options, self.run_id)

    async def fork(self, prompt: str, **options: Unpack[RunOptions]) -> SupervisedRun:
        """Start a run on a copy of the thread of this one; see `Runs.start`."""
        return await self._runs.begun(methods.FORK, prompt, options, self.run_id)

    async def _found(self) -> Run:
        return await self._runs.supervisor().found(self.run_id)

    async def _act(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        supervisor = self._runs.supervisor()
        run = await self._found()
        owner = await supervisor.read(lambda directory: directory.owner_of(run))
        return await supervisor.ask(method, params, owner)

    async def _is_settled(self, run: Run) -> bool:
        """Return whether the state is final: a supervisor still looks for the end of a lost run."""
        if run.state is RunState.LOST:
            return run.ended_at is not None
        return run.state.is_over

    async def _new_questions(self, run: Run, asked: set[str]) -> list[QuestionAsked]:
        """Return the open questions that are new."""
        if run.state is not RunState.WAITING_FOR_APPROVAL:
            return []
        new = [each for each in await self.questions() if each.question_id not in asked]
        asked.update(each.question_id for each in new)
        return new
