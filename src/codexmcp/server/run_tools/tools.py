"""The run tools: each maps a call to a use case of `runs.service`, and its result to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from codexmcp.appserver.answers import Answer, Verdict
from codexmcp.runs.run import Run
from codexmcp.runs.service import Origin, RunService
from codexmcp.runs.states import ACTIVE, RunState
from codexmcp.runs.store import Selection
from codexmcp.server.arguments import ArgumentsError
from codexmcp.server.run_tools import answers
from codexmcp.server.run_tools import definitions as names
from codexmcp.server.run_tools.answers import ToolAnswer
from codexmcp.server.run_tools.arguments import (
    Caller,
    check,
    check_origin,
    check_run,
    check_same,
    may_see,
    order_of,
    request_of,
)

BY_AGENT = "the agent that started it, or another of the same server"
TELL_S = 5.0
"""How often a wait tells its progress."""

_DEFAULT_LIMIT = 20
_LONGEST_CURSOR = 18

Tell = Callable[[str], None]
Check = Callable[[], Awaitable[Mapping[str, Any]]]


class RunTools:
    """The run tools for one client.

    Args:
        service: The use cases.
        caller: Who calls.
        check_setup: Tells whether Codex and the records of runs can be used.
    """

    def __init__(self, service: RunService, caller: Caller, check_setup: Check) -> None:
        self._service = service
        self._caller = caller
        self._check_setup = check_setup
        self._tools: dict[str, Callable[[dict[str, Any], Tell], Awaitable[dict[str, Any]]]] = {
            names.RUN: self._run,
            names.RESUME: self._resume,
            names.FORK: self._fork,
            names.WAIT: self._wait,
            names.RESULT: self._result,
            names.ACTIVE_RUNS: self._active_runs,
            names.RUNS: self._runs,
            names.INTERRUPT: self._interrupt,
            names.STEER: self._steer,
            names.APPROVALS: self._approvals,
            names.APPROVE: self._approve,
            names.CHECK: self._check,
        }

    def definitions(self) -> list[dict[str, Any]]:
        """Return the tools as `tools/list` answers them."""
        return names.run_tool_definitions()

    def knows(self, name: object) -> bool:
        """Return whether a tool is one of these."""
        return name in self._tools

    async def call(self, name: str, arguments: object, tell: Tell) -> ToolAnswer:
        """Call a tool.

        Args:
            name: The tool.
            arguments: The decoded `arguments` of the call.
            tell: Is told what goes on while the call waits.

        Raises:
            CodexMCPError: It cannot be done; the message is for the caller.
        """
        return ToolAnswer(await self._tools[name](check(name, arguments), tell))

    async def _run(self, given: dict[str, Any], tell: Tell) -> dict[str, Any]:
        return await self._start(given, None, tell)

    async def _resume(self, given: dict[str, Any], tell: Tell) -> dict[str, Any]:
        return await self._start(given, self._origin(given), tell)

    async def _fork(self, given: dict[str, Any], tell: Tell) -> dict[str, Any]:
        return await self._start(given, self._origin(given), tell, forks=True)

    def _origin(self, given: dict[str, Any]) -> Origin:
        cwd = self._caller.base_dir / given.get("cwd", "")
        origin = self._service.origin(given["run_id"], cwd=str(cwd))
        check_origin(origin, self._caller)
        return origin

    async def _start(
        self, given: dict[str, Any], origin: Origin | None, tell: Tell, *, forks: bool = False
    ) -> dict[str, Any]:
        request = request_of(given, self._caller, origin, forks=forks)
        run = await self._service.start(request, order_of(given), origin)
        # By an idempotency key it may be somebody else's, or other work.
        check_run(run, self._caller)
        check_same(run, request)
        wait_s = given["wait_ms"] / 1000 if "wait_ms" in given else None
        if wait_s == 0 or (wait_s is None and given.get("async", True)):
            return answers.handle(run)
        (run,), elapsed_s = await self._waited([run.id], wait_s, tell, for_all=True)
        if not run.state.is_over:
            return answers.handle(run)
        return answers.waited(run, elapsed_s=elapsed_s, next_wait_s=None)

    async def _wait(self, given: dict[str, Any], tell: Tell) -> dict[str, Any]:
        run_ids = given.get("run_ids", []) + ([given["run_id"]] if "run_id" in given else [])
        if not run_ids:
            raise ArgumentsError("codex_wait: name a run in `run_id`, or several in `run_ids`")
        soft_s = self._caller.settings.soft_timeout_s
        if "soft_timeout_ms" in given:
            soft_s = given["soft_timeout_ms"] / 1000 or None
        for run_id in run_ids:
            self._get(run_id)
        bounds = [bound for bound in (soft_s, given.get("timeout_ms", 0) / 1000) if bound]
        for_all = given.get("mode", "all") == "all"
        runs, elapsed_s = await self._waited(
            run_ids, min(bounds, default=None), tell, for_all=for_all
        )
        told = [answers.waited(run, elapsed_s=elapsed_s, next_wait_s=soft_s) for run in runs]
        if "run_ids" not in given:
            return told[0]
        over = [run.state.is_over for run in runs]
        done = all(over) if for_all else any(over)
        return {"status": "done" if done else answers.STILL_RUNNING, "runs": _shortened(told)}

    async def _waited(
        self, run_ids: Sequence[str], timeout_s: float | None, tell: Tell, *, for_all: bool
    ) -> tuple[list[Run], float]:
        """Wait for runs, and tell their progress meanwhile."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            elapsed_s = loop.time() - started
            left_s = TELL_S if timeout_s is None else min(TELL_S, timeout_s - elapsed_s)
            runs = await self._service.wait(run_ids, for_all=for_all, timeout_s=max(left_s, 0.0))
            elapsed_s = loop.time() - started
            over = [run.state.is_over for run in runs]
            enough = all(over) if for_all else any(over)
            if enough or (timeout_s is not None and elapsed_s >= timeout_s):
                return runs, elapsed_s
            tell(_summary(runs))

    async def _result(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        run = self._get(given["run_id"])
        if not run.state.is_over:
            raise ArgumentsError(f"run {run.id} has no result yet ({run.state}); call codex_wait")
        page, pages = given.get("page", 1), answers.page_count(run.message)
        if page > pages:
            raise ArgumentsError(f"run {run.id} has only {pages} page(s)")
        return answers.page_of(run, page)

    async def _active_runs(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        cwd, limit = self._cwd(given), names.MAX_LIMIT
        # Those that are worked on come first: thousands may wait behind them.
        runs = self._seen(ACTIVE, cwd, limit + 1)
        runs += self._seen({RunState.QUEUED}, cwd, limit + 1 - len(runs))
        answer: dict[str, Any] = {"runs": [answers.active(run) for run in runs[:limit]]}
        return answer | {"more": True} if len(runs) > limit else answer

    def _seen(self, states: Collection[RunState], cwd: str | None, limit: int) -> list[Run]:
        """Return the newest runs in some states, of those that this caller may see."""
        found: list[Run] = []
        before: int | None = None
        while len(found) < limit:
            page = self._service.select(Selection(states, cwd, before, limit))
            found += [run for run in page if may_see(run, self._caller)]
            if len(page) < limit:
                break
            before = page[-1].sequence
        return found[:limit]

    async def _runs(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        cursor: str = given.get("cursor", "")
        if cursor and not (cursor.isdecimal() and len(cursor) <= _LONGEST_CURSOR):
            raise ArgumentsError(f"cursor {cursor!r} is none; take nextCursor of the last answer")
        limit: int = given.get("limit", _DEFAULT_LIMIT)
        before = int(cursor) if cursor else None
        runs = self._service.select(Selection(None, self._cwd(given), before, limit + 1))
        seen = [run for run in runs[:limit] if may_see(run, self._caller)]
        answer: dict[str, Any] = {"runs": [answers.listed(run) for run in seen]}
        if len(runs) > limit:
            answer["nextCursor"] = str(runs[limit - 1].sequence)
        return answer

    async def _interrupt(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        self._get(given["run_id"])
        run = await self._service.interrupt(given["run_id"], by=BY_AGENT)
        return {"runId": run.id, "status": run.state, "threadId": run.thread_id}

    async def _steer(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        self._get(given["run_id"])
        run = await self._service.steer(given["run_id"], given["prompt"])
        return {"runId": run.id, "status": run.state, "threadId": run.thread_id}

    async def _approvals(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        waiting = self._service.approvals(given.get("run_id"))
        seen = [each for each in waiting if may_see(self._service.get(each.run_id), self._caller)]
        return answers.approvals(seen)

    async def _approve(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        # An approval's id begins with its run's.
        self._get(given["approval_id"].rpartition(".")[0])
        answer = Answer(_DECISIONS[given["decision"]])
        approval = self._service.answer(given["approval_id"], answer, by=BY_AGENT)
        return {"approvalId": approval.id, "runId": approval.run_id, "decision": given["decision"]}

    async def _check(self, _given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        settings = self._caller.settings
        return {
            **await self._check_setup(),
            "defaultTimeoutMs": round((settings.timeout_s or 0) * 1000),
            "waitSoftTimeoutMs": round((settings.soft_timeout_s or 0) * 1000),
            "defaultPermissions": settings.permissions,
        }

    def _get(self, run_id: str) -> Run:
        run = self._service.get(run_id)
        check_run(run, self._caller)
        return run

    def _cwd(self, given: Mapping[str, Any]) -> str | None:
        cwd = given.get("cwd")
        return None if cwd is None else str(self._caller.base_dir / cwd)


_DECISIONS = {
    "accept": Verdict.ACCEPT,
    "accept_for_session": Verdict.ACCEPT_FOR_SESSION,
    "decline": Verdict.DECLINE,
    "cancel": Verdict.CANCEL,
}


def _shortened(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers with messages that fit one answer together."""
    share = answers.PAGE_CHARACTERS // len(told)
    return [
        {**each, "message": each["message"][:share], "cut": True}
        if len(each.get("message", "")) > share
        else each
        for each in told
    ]


def _summary(runs: Sequence[Run]) -> str:
    under_way = [run for run in runs if not run.state.is_over]
    if len(under_way) == 1:
        (run,) = under_way
        return f"{run.title}: {run.progress.last_step or run.state}"
    return f"{len(under_way)} of {len(runs)} runs are under way"
