"""Supervised runs for scripts without an event loop; see `runs`.

Promises: Ctrl-C ends a wait, and leaves the run at work.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Unpack

from codexmcp.api.events import QuestionAsked, TurnEvent
from codexmcp.api.options import OnQuestion, Reply
from codexmcp.api.results import Result
from codexmcp.api.run_values import RunInfo, RunOptions
from codexmcp.api.runs import Runs, SupervisedRun
from codexmcp.api.sync import InThread, LoopThread


class SyncRuns(InThread[Runs]):
    """`Runs` for scripts. A context manager; takes the same arguments.

    Args:
        home: See `Runs`.
        api_key: See `Runs`.
        base_url: See `Runs`.
        endpoint: See `Runs`.
        env: See `Runs`.
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
        super().__init__(
            Runs(home=home, api_key=api_key, base_url=base_url, endpoint=endpoint, env=env)
        )

    def start(self, prompt: str, **options: Unpack[RunOptions]) -> SyncSupervisedRun:
        """Start a run; see `Runs.start`."""
        thread = self._running()
        return SyncSupervisedRun(thread, thread.call(self._door.start(prompt, **options)))

    def run(
        self, prompt: str, on_question: OnQuestion | None = None, **options: Unpack[RunOptions]
    ) -> Result:
        """Start a run and wait for its result; see `Runs.run`."""
        return self._running().call(self._door.run(prompt, on_question, **options))

    def get(self, run_id: str) -> SyncSupervisedRun:
        """Return a run by its id; see `Runs.get`."""
        thread = self._running()
        return SyncSupervisedRun(thread, thread.call(self._door.get(run_id)))

    def list(self, *, active: bool = False, limit: int = 20) -> list[RunInfo]:
        """Return the newest runs of the Codex home; see `Runs.list`."""
        return self._running().call(self._door.list(active=active, limit=limit))


async def _next(events: AsyncGenerator[TurnEvent]) -> TurnEvent | None:
    return await anext(events, None)


class SyncSupervisedRun:
    """A supervised run, for scripts; see `SupervisedRun`. Made by `SyncRuns`."""

    def __init__(self, thread: LoopThread, run: SupervisedRun) -> None:
        self._thread = thread
        self._run = run

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._run.run_id

    def status(self) -> RunInfo:
        """Return the status of the run."""
        return self._thread.call(self._run.status())

    def events(self) -> Iterator[TurnEvent]:
        """Yield the events of the run from its beginning to its end; see `SupervisedRun.events`."""
        events = self._run.events()
        try:
            while (event := self._thread.call(_next(events))) is not None:
                yield event
        finally:
            self._thread.call(events.aclose())

    def result(self, on_question: OnQuestion | None = None) -> Result:
        """Wait for the end of the run, and return its result; see `SupervisedRun.result`."""
        return self._thread.call(self._run.result(on_question))

    def steer(self, prompt: str) -> None:
        """Add input to the turn of the run; see `SupervisedRun.steer`."""
        self._thread.call(self._run.steer(prompt))

    def interrupt(self) -> None:
        """Stop the run, or withdraw it from the queue; see `SupervisedRun.interrupt`."""
        self._thread.call(self._run.interrupt())

    def questions(self) -> list[QuestionAsked]:
        """Return the open questions of the run."""
        return self._thread.call(self._run.questions())

    def answer(self, question: QuestionAsked, reply: Reply) -> None:
        """Answer a question of the run; see `SupervisedRun.answer`."""
        self._thread.call(self._run.answer(question, reply))

    def resume(self, prompt: str, **options: Unpack[RunOptions]) -> SyncSupervisedRun:
        """Start a further run on the thread of this one; see `SupervisedRun.resume`."""
        return SyncSupervisedRun(
            self._thread, self._thread.call(self._run.resume(prompt, **options))
        )

    def fork(self, prompt: str, **options: Unpack[RunOptions]) -> SyncSupervisedRun:
        """Start a run on a copy of the thread of this one; see `SupervisedRun.fork`."""
        return SyncSupervisedRun(self._thread, self._thread.call(self._run.fork(prompt, **options)))
