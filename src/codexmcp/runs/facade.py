"""The runs of one caller: the interface of runs for every entry point.

Owns the order of a caller's starts. Promises that a caller with a fixed policy reaches only runs
within the policy. Errors carry a kind and fields; the entry point words the remedy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Sequence

from codexmcp.appserver.answers import Answer
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import RunErrorFields, RunErrorKind, StateError
from codexmcp.policy.arguments import CodexArguments
from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Defaults
from codexmcp.runs.access import check_origin, check_run, check_same, may_see
from codexmcp.runs.approvals import Approval
from codexmcp.runs.requests import request_of, request_of_call
from codexmcp.runs.run import Origin, Run, RunRequest
from codexmcp.runs.service import RunService
from codexmcp.runs.start_options import Order, StartOptions
from codexmcp.runs.states import ACTIVE, RunState
from codexmcp.runs.store import Selection
from codexmcp.worker_thread import in_thread

ORDER_WAIT_S = 5.0
"""Bound on a start's wait for the check of an earlier start, possibly hanging on a file system."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of a list of runs.

    Attributes:
        runs: The runs visible to the caller, newest first.
        before: `Selection.before` of the next page. None: last page.
    """

    runs: Sequence[Run]
    before: int | None


class Runs:
    """The runs of one caller.

    Args:
        service: The use cases of this process.
        caller: The caller with its policy.
        by: The caller's name in audit files, for interrupts and answers.
    """

    def __init__(self, service: RunService, caller: Caller, by: str) -> None:
        self._service = service
        self._caller = caller
        self._by = by
        self._starting = asyncio.Lock()

    async def start(self, options: StartOptions) -> Run:
        """Start a run on a new thread, or return the earlier run with the same idempotency key.

        Raises:
            ArgumentsError: The policy forbids an option, or a file cannot be used.
            RunRefusedError: The earlier run is outside of the policy.
            CodexMCPError: The run cannot be recorded; see `RunService.submit`.
        """
        return await self._start(options, None)

    async def resume(self, run_id: str, options: StartOptions) -> Run:
        """Start a run on the thread of another run; see `start`.

        Raises:
            RunNotFoundError: There is no such run.
            StateError: The other run has no thread to continue.
        """
        return await self._start(options, await self._origin(run_id))

    async def fork(self, run_id: str, options: StartOptions) -> Run:
        """Start a run on a copy of the thread of another run; see `resume`."""
        return await self._start(options, await self._origin(run_id), forks=True)

    async def get(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            RunNotFoundError: There is no such run.
            RunRefusedError: The run is outside of the policy.
        """
        run = await self._service.get(run_id)
        check_run(run, self._caller)
        return run

    async def wait(
        self, run_ids: Sequence[str], *, for_all: bool = True, timeout_s: float | None = None
    ) -> Sequence[Run]:
        """Wait until one or all of some runs are over, or until the bound; return the runs."""
        for run_id in run_ids:
            await self.get(run_id)
        return await self._service.wait(run_ids, for_all=for_all, timeout_s=timeout_s)

    async def result(self, run_id: str) -> Run:
        """Return an ended run, with its final message.

        Raises:
            StateError: The run is not over.
        """
        run = await self.get(run_id)
        if not run.state.is_over:
            raise StateError(
                f"run {run.id} has no result yet ({run.state})",
                RunErrorKind.NO_RESULT,
                RunErrorFields(run.id, run.state),
            )
        return run

    async def list(self, selection: Selection) -> RunPage:
        """Return a page of runs, without runs outside of the policy."""
        runs = await self._service.select(replace(selection, limit=selection.limit + 1))
        page = runs[: selection.limit]
        seen = [run for run in page if may_see(run, self._caller)]
        return RunPage(seen, page[-1].sequence if len(runs) > selection.limit else None)

    async def under_way(self, cwd: str | None, limit: int) -> Sequence[Run]:
        """Return the newest active or queued runs; active runs come before queued runs."""
        # In this order, because thousands may be queued.
        runs = await self._seen(ACTIVE, cwd, limit)
        return [*runs, *await self._seen({RunState.QUEUED}, cwd, limit - len(runs))]

    async def steer(self, run_id: str, prompt: str) -> Run:
        """Add input to the turn of a run.

        Raises:
            StateError: The run has no running turn in this process.
            RequestError: The turn has just ended.
        """
        await self.get(run_id)
        return await self._service.steer(run_id, prompt)

    async def interrupt(self, run_id: str) -> Run:
        """Interrupt a run, or withdraw it from the queue; return the ended run.

        Raises:
            StateError: The run is over, or active in another process.
        """
        await self.get(run_id)
        return await self._service.interrupt(run_id, by=self._by)

    async def approvals(self, run_id: str | None = None) -> Sequence[Approval]:
        """Return the questions waiting for an answer, of one run or of all runs."""
        waiting = self._service.approvals(run_id)
        runs = {each.run_id: await self._service.get(each.run_id) for each in waiting}
        return [each for each in waiting if may_see(runs[each.run_id], self._caller)]

    async def answer(self, approval_id: str, answer: Answer) -> Approval:
        """Answer a question.

        Raises:
            StateError: The question no longer waits.
            UsageError: The content does not fit the form.
        """
        # The id of a question begins with the id of the run.
        await self.get(approval_id.rpartition(".")[0])
        return self._service.answer(approval_id, answer, by=self._by)

    @contextlib.asynccontextmanager
    async def attach(self, run_id: str) -> AsyncGenerator[Origin, None]:
        """Keep the thread of a run loaded for a further client while the block runs.

        Raises:
            StateError: The run has no thread.
            RequestError: The thread cannot be loaded.
        """
        origin = await self._origin(run_id)
        run = await self._service.get(run_id)
        async with self._service.attached(origin.thread_id, run):
            yield origin

    async def _origin(self, run_id: str) -> Origin:
        origin = await self._service.origin(run_id)
        check_origin(origin, self._caller)
        return origin

    async def start_call(self, call: CodexArguments, defaults: Defaults, *, tool: str) -> Run:
        """Start a run in place of a call of a tool; see `start`.

        Args:
            call: The arguments of the tool `codex`.
            defaults: Values for arguments left open by call and policy.
            tool: The tool, recorded with the run.
        """
        return await self._submitted(
            lambda: request_of_call(call, self._caller, defaults, tool), Order()
        )

    async def last_of(self, thread_id: str) -> Run | None:
        """Return the newest run of a thread; None without a run visible to the caller."""
        runs = await self._service.select(Selection(limit=1, thread_id=thread_id))
        return next((run for run in runs if may_see(run, self._caller)), None)

    async def _start(
        self, options: StartOptions, origin: Origin | None, *, forks: bool = False
    ) -> Run:
        def make() -> RunRequest:
            return request_of(options, self._caller, origin, forks=forks)

        return await self._submitted(make, options.order, origin)

    async def _submitted(
        self, make: Callable[[], RunRequest], order: Order, origin: Origin | None = None
    ) -> Run:
        is_next = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ORDER_WAIT_S):
                is_next = await self._starting.acquire()
        try:
            # In a thread: a large schema takes a second, and a file system may hang.
            request = await in_thread(make)
            run = await self._service.submit(request, order, origin)
        finally:
            if is_next:
                self._starting.release()
        # With an idempotency key, the run may belong to another caller, or be other work.
        check_run(run, self._caller)
        check_same(run, request)
        return await self._service.begun(run)

    async def _seen(
        self, states: Collection[RunState], cwd: str | None, limit: int
    ) -> Sequence[Run]:
        """Return the newest runs in some states visible to the caller."""
        found: list[Run] = []
        before: int | None = None
        while len(found) < limit:
            page = await self._service.select(Selection(states, cwd, before, limit))
            found += [run for run in page if may_see(run, self._caller)]
            if len(page) < limit:
                break
            before = page[-1].sequence
        return found[:limit]
