"""The run tools: each maps a call to the facade of runs, and the result to an answer."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from codexmcp.appserver.answers import Answer
from codexmcp.errors import RunError
from codexmcp.policy.arguments import ArgumentsError
from codexmcp.policy.caller import Caller
from codexmcp.runs.approvals import DECISIONS
from codexmcp.runs.facade import Runs
from codexmcp.runs.run import Run
from codexmcp.runs.service import RunService
from codexmcp.runs.store import Selection
from codexmcp.server.engine import EngineOptions
from codexmcp.server.run_tools import answers
from codexmcp.server.run_tools import definitions as names
from codexmcp.server.run_tools.answers import ToolAnswer
from codexmcp.server.run_tools.arguments import check, start_options
from codexmcp.server.run_tools.plain_calls import PLAIN_TOOLS, PlainCalls
from codexmcp.server.run_tools.remedies import REMEDIES
from codexmcp.server.run_tools.run_tasks import RunTasks
from codexmcp.server.tasks import Task

BY_AGENT = "the agent that started it, or another of the same server"
TELL_S = 5.0
"""Interval between progress notifications of a wait."""

_DEFAULT_LIMIT = 20
_LONGEST_CURSOR = 18

Tell = Callable[[str], None]
Start = Callable[[dict[str, Any]], Awaitable[Run]]
Check = Callable[[], Awaitable[Mapping[str, Any]]]


class RunTools:
    """The run tools for one client.

    Args:
        service: The use cases.
        caller: The client.
        check_setup: Reports on the usability of Codex and the store of runs.
        plain: Options of `codex` and `codex-reply`, whose calls may become runs. None: not offered.
    """

    def __init__(
        self,
        service: RunService,
        caller: Caller,
        check_setup: Check,
        plain: EngineOptions | None = None,
    ) -> None:
        self._runs = Runs(service, caller, BY_AGENT)
        self._caller = caller
        self._check_setup = check_setup
        self._plain = PlainCalls(self._runs, plain or EngineOptions())
        self._plain_tools = PLAIN_TOOLS if plain is not None else frozenset[str]()
        self.tasks = RunTasks(self._runs, self._plain.result)
        self._starts: dict[str, Start] = {
            names.RUN: self._run,
            names.RESUME: self._resume,
            names.FORK: self._fork,
        }
        self._tools: dict[str, Callable[[dict[str, Any], Tell], Awaitable[dict[str, Any]]]] = {
            **{
                name: functools.partial(self._started, start)
                for name, start in self._starts.items()
            },
            names.WAIT: self._wait,
            names.RESULT: self._result,
            names.ACTIVE_RUNS: self._active_runs,
            names.RUNS: self._list,
            names.INTERRUPT: self._interrupt,
            names.STEER: self._steer,
            names.APPROVALS: self._approvals,
            names.APPROVE: self._approve,
            names.CHECK: self._check,
        }

    def definitions(self) -> list[dict[str, Any]]:
        """Return the tools for `tools/list`."""
        return names.run_tool_definitions()

    def knows(self, name: object) -> bool:
        """Return whether a name is the name of a run tool."""
        return name in self._tools

    async def call(self, name: str, arguments: object, tell: Tell) -> ToolAnswer:
        """Call a tool.

        Args:
            name: The tool.
            arguments: The decoded `arguments` of the call.
            tell: Called with the progress during a wait.

        Raises:
            CodexMCPError: The call failed; the message is for the caller.
        """
        try:
            return ToolAnswer(await self._tools[name](check(name, arguments), tell))
        except RunError as error:
            raise error.advised(REMEDIES) from None

    def makes_task(self, name: str) -> bool:
        """Return whether calls of a tool become tasks, for clients with tasks."""
        return name in self._starts or name in self._plain_tools

    async def task(self, name: str, arguments: object, tell: Tell) -> Task | ToolAnswer | None:
        """Start the run of a call for a client with tasks.

        Returns:
            The task of the run, or the answer of a run that ended within `wait_ms`. None: the call
            cannot be a run, and the tool has to answer itself.

        Raises:
            CodexMCPError: The call failed; the message is for the caller.
        """
        try:
            if name in self._plain_tools:
                started = await self._plain.started(name, arguments)
                return None if started is None else await self.tasks.of_run(started)
            given = check(name, arguments)
            run = await self._starts[name](given)
            if wait_ms := given.get("wait_ms"):
                (run,), _ = await self._waited([run.id], wait_ms / 1000, tell, for_all=True)
            return answers.result(run) if run.state.is_over else await self.tasks.of_run(run)
        except RunError as error:
            raise error.advised(REMEDIES) from None

    async def _run(self, given: dict[str, Any]) -> Run:
        return await self._runs.start(start_options(given))

    async def _resume(self, given: dict[str, Any]) -> Run:
        return await self._runs.resume(given["run_id"], start_options(given))

    async def _fork(self, given: dict[str, Any]) -> Run:
        return await self._runs.fork(given["run_id"], start_options(given))

    async def _started(self, start: Start, given: dict[str, Any], tell: Tell) -> dict[str, Any]:
        """Start a run, and answer after the requested wait."""
        run = await start(given)
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
    ) -> tuple[Sequence[Run], float]:
        """Wait for runs, with progress reports during the wait."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            elapsed_s = loop.time() - started
            left_s = TELL_S if timeout_s is None else min(TELL_S, timeout_s - elapsed_s)
            runs = await self._runs.wait(run_ids, for_all=for_all, timeout_s=max(left_s, 0.0))
            elapsed_s = loop.time() - started
            over = [run.state.is_over for run in runs]
            enough = all(over) if for_all else any(over)
            if enough or (timeout_s is not None and elapsed_s >= timeout_s):
                return runs, elapsed_s
            tell(_summary(runs))

    async def _result(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        run = await self._runs.result(given["run_id"])
        page, pages = given.get("page", 1), answers.page_count(run.message)
        if page > pages:
            raise ArgumentsError(f"run {run.id} has only {pages} page(s)")
        return answers.page_of(run, page)

    async def _active_runs(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        limit = names.MAX_LIMIT
        runs = await self._runs.under_way(self._cwd(given), limit + 1)
        answer: dict[str, Any] = {"runs": [answers.active(run) for run in runs[:limit]]}
        return answer | {"more": True} if len(runs) > limit else answer

    async def _list(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        cursor: str = given.get("cursor", "")
        if cursor and not (cursor.isdecimal() and len(cursor) <= _LONGEST_CURSOR):
            raise ArgumentsError(f"cursor {cursor!r} is none; take nextCursor of the last answer")
        before = int(cursor) if cursor else None
        limit = given.get("limit", _DEFAULT_LIMIT)
        page = await self._runs.list(Selection(None, self._cwd(given), before, limit))
        answer: dict[str, Any] = {"runs": [answers.listed(run) for run in page.runs]}
        return answer if page.before is None else answer | {"nextCursor": str(page.before)}

    async def _interrupt(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        return answers.acted(await self._runs.interrupt(given["run_id"]))

    async def _steer(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        return answers.acted(await self._runs.steer(given["run_id"], given["prompt"]))

    async def _approvals(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        return answers.approvals(await self._runs.approvals(given.get("run_id")))

    async def _approve(self, given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        answer = Answer(DECISIONS[given["decision"]], content=given.get("content", {}))
        approval = await self._runs.answer(given["approval_id"], answer)
        return answers.answered(approval, given["decision"])

    async def _check(self, _given: dict[str, Any], _tell: Tell) -> dict[str, Any]:
        settings = self._caller.settings
        return {
            **await self._check_setup(),
            "defaultTimeoutMs": round((settings.timeout_s or 0) * 1000),
            "waitSoftTimeoutMs": round((settings.soft_timeout_s or 0) * 1000),
            "defaultPermissions": settings.permissions,
        }

    def _cwd(self, given: Mapping[str, Any]) -> str | None:
        cwd = given.get("cwd")
        return None if cwd is None else str(self._caller.base_dir / cwd)


def _shortened(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers with messages shortened to fit one answer together."""
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
