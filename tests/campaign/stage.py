"""Plays one seed with the real programs and collects the evidence."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

from codexmcp.testing import ModelServer
from tests.campaign import evidence as reading
from tests.campaign.clients import Caller, ServerError
from tests.campaign.evidence import OVER, Call, Evidence, Stored
from tests.campaign.ground import Ground, Options, ground, until
from tests.campaign.judge import NO_RECORD
from tests.campaign.model import MARK, CampaignModel
from tests.campaign.plan import Fault, Plan, Work
from tests.campaign.tasks import Task

_SAMPLE_S = 0.3
_PHASE_S = 3.0
"""Bound on the wait for a phase beyond the time of its fault, in seconds."""
_PLAYED_S = 90.0
_ENDED_S = 30.0
"""Bound on the end of all runs after the last fault, in seconds: takeover, bounds, load."""
_ANSWER_S = 15.0
"""Bound on an answer beyond the time that the call asks for, in seconds."""
_GONE_S = 5.0
_POLL_S = 0.5
_FULL_S = 2.0


async def play(plan: Plan, options: Options) -> Evidence:
    """Play a seed. Its folder stays, its processes do not."""
    can_fill = any(fault.kind == "full home" for fault in plan.faults)
    folder = options.work / str(plan.seed)
    async with ground(folder, options.codex, can_fill=can_fill) as here:
        model = CampaignModel(plan.tasks(), here.project / "ledger.txt")
        async with ModelServer(model.answer, keep=1) as server:
            here.configure(server.base_url, proxy=plan.proxy)
            return await Stage(plan, here, model).play(options.watch_s)


class Stage:
    """The clients of a seed and their actions."""

    def __init__(self, plan: Plan, here: Ground, model: CampaignModel) -> None:
        self._plan = plan
        self._ground = here
        self._model = model
        self._evidence = Evidence(asked=model.asked)
        self._callers = [
            self._caller(f"shared{i}", "--shared", *plan.bounds)
            if shared
            else self._caller(f"private{i}", *plan.bounds)
            for i, shared in enumerate(plan.clients)
        ]
        self._start = time.monotonic()

    async def play(self, watch_s: float) -> Evidence:
        """Play the plan, wait for the end of all runs, and watch."""
        sampler = asyncio.create_task(self._sample())
        try:
            steps = [self._work(each) for each in self._plan.works]
            steps += [self._fault(each) for each in self._plan.faults]
            played = asyncio.gather(*map(self._tolerated, steps))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(played, _PLAYED_S)
            await self._tolerated(self._end_runs())
            await asyncio.sleep(watch_s)
            await self._tolerated(self._look())
            await self._close()
        finally:
            sampler.cancel()
        return self._evidence

    async def _work(self, work: Work) -> None:
        await self._at(work.at_s)
        task, caller = work.task, self._callers[work.client]
        policy = "on-request" if task.asks else "never"
        if work.tool == "cli":
            flags = ["--timeout", str(work.timeout_ms // 1000), "--approval-policy", policy]
            await self._command("start", *flags, task.prompt, task=task)
            return
        given: dict[str, Any] = {"prompt": task.prompt, "sandbox": "workspace-write"}
        if work.tool == "codex":
            given["approval-policy"] = policy
            if work.as_task:
                await self._task(caller, work, given)
            else:
                await caller.call("codex", task.token, given, 10 + _ANSWER_S)
            return
        given |= {"approval_policy": policy, "timeout_ms": work.timeout_ms}
        given |= {"async": False} if work.waits else {}
        if work.origin is None:
            given["retries"] = work.retries
        else:
            origin = await self._stored(work.origin, lambda run: run.thread_id is not None)
            given["run_id"] = origin.id
        about = {"key": f"key {task.token}"} if work.key else {}
        given |= {"idempotency_key": about["key"]} if work.key else {}
        if work.as_task:
            await self._task(caller, work, given)
            return
        # A run may wait for another one, and begin again after a fault.
        bound_s = _ANSWER_S + (3 * work.timeout_ms / 1000 + _ENDED_S) * work.waits
        call = caller.call(work.tool, task.token, given, bound_s, **about)
        if not task.asks:
            answered = await call
        else:
            answered, _ = await asyncio.gather(call, self._approve(caller, task))
        if work.key:
            await self._callers[0].call(work.tool, task.token, given, bound_s, **about)
        if not work.waits and "runId" in answered.fields:
            given = {"run_id": answered.fields["runId"], "soft_timeout_ms": 4000}
            await caller.call("codex_wait", task.token, given, 4 + _ANSWER_S)

    async def _task(self, caller: Caller, work: Work, given: dict[str, Any]) -> None:
        """Make a call as a task, answer its questions, and poll it to its end."""
        token, decisions = work.task.token, itertools.cycle(("accept", "decline"))
        made = await caller.task(work.tool, token, given, _ANSWER_S)
        task = made.fields
        while task.get("status") in {"working", "input_required"}:
            await asyncio.sleep(min(task["pollIntervalMs"] / 1000, _POLL_S))
            if requests := task.get("inputRequests"):
                responses = {key: {"action": next(decisions)} for key in requests}
                update = {"taskId": task["taskId"], "inputResponses": responses}
                await caller.about_task("tasks/update", token, update, _ANSWER_S)
            params = {"taskId": task["taskId"]}
            task = (await caller.about_task("tasks/get", token, params, _ANSWER_S)).fields

    async def _approve(self, caller: Caller, task: Task) -> None:
        """Answer the questions of all runs for a while."""
        for number in range(5):
            await asyncio.sleep(1)
            listed = await caller.call("codex_approvals", task.token, {}, _ANSWER_S)
            for each in listed.fields.get("approvals", []):
                decision = ("accept", "decline")[number % 2]
                given = {"approval_id": each["approvalId"], "decision": decision}
                await caller.call("codex_approve", task.token, given, _ANSWER_S)

    async def _fault(self, fault: Fault) -> None:
        await self._moment(fault)
        self._evidence.faults.append((time.time(), fault.kind))
        action, _, whom = fault.kind.partition(" ")
        number = signal.SIGKILL if action == "kill" else signal.SIGTERM
        token, server = fault.task.token, self._callers[fault.client].server
        match fault.kind:
            case "interrupt":
                run = await self._stored(fault.task, lambda _: True)
                if fault.client == 0:
                    given = {"run_id": run.id}
                    await self._callers[0].call("codex_interrupt", token, given, 15 + _ANSWER_S)
                else:
                    await self._command("interrupt", run.id, task=fault.task)
            case "cancel":
                for caller in self._callers:
                    if caller.server is not None:
                        await caller.server.cancel(token)
            case "full home":
                with self._ground.full():
                    await asyncio.sleep(_FULL_S)
            case "unlink socket":
                self._ground.unlink_sockets()
            case "remove runtime":
                shutil.rmtree(self._ground.runtime, ignore_errors=True)
            case "kill client" | "term client":
                if server is not None:
                    server.signal(number)
            case _:
                self._ground.signal(whom, number)

    async def _at(self, at_s: float) -> None:
        await asyncio.sleep(self._start + at_s - time.monotonic())

    async def _moment(self, fault: Fault) -> None:
        """Wait for the moment of a fault; a phase that does not come is waited for a while."""
        phase = fault.phase
        if phase is None:
            await self._at(fault.at_s)
            return
        agents = ("asked", "child", "grandchild")
        bound_s = max(0, self._start + fault.at_s - time.monotonic()) + _PHASE_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                if phase in agents:
                    await self._model.wait_for(fault.task.token, agents.index(phase))
                else:
                    await self._stored(fault.task, lambda run: self._is_in(run, phase))

    def _is_in(self, run: Stored, phase: str) -> bool:
        match phase:
            case "claimed":
                return run.state != "queued"
            case "thread":
                return run.thread_id is not None
            case "sent":
                return run.state not in {"queued", "starting"}
            case "turn":
                return run.turn_id is not None
            case "ended":
                return run.state in OVER
            case _:
                here = self._ground
                return bool(reading.read_audit(run.id, here.project, here.home).summary)

    async def _stored(self, task: Task, reached: Callable[[Stored], bool]) -> Stored:
        """Return the run of a task once it is stored and has come to a point.

        Raises:
            TimeoutError: It does not come to that.
        """
        async with asyncio.timeout(10):
            while True:
                for run in self._runs():
                    if run.token == task.token and reached(run):
                        return run
                await asyncio.sleep(0.01)

    def _runs(self) -> list[Stored]:
        # A full disk or a supervisor that starts may keep us out for a moment.
        with contextlib.suppress(sqlite3.Error):
            return reading.read_store(self._ground.home)
        return []

    def _all_over(self) -> bool:
        with contextlib.suppress(sqlite3.Error):
            return all(run.state in OVER for run in reading.read_store(self._ground.home))
        return False

    async def _sample(self) -> None:
        """Note which agents have processes."""
        mark = re.compile(rf"{MARK}=(s{self._plan.seed}r\d+(?:\.\w+)*)")
        while True:
            at = time.time()
            for _, line, environment in await asyncio.to_thread(lambda: [*reading.processes()]):
                if found := mark.search(line) or mark.search(environment):
                    self._evidence.seen[found[1]] = at
            await asyncio.sleep(_SAMPLE_S)

    async def _end_runs(self) -> None:
        """See that all runs end under a supervisor, and that lost ones can be continued."""
        caller = self._caller("shared-closing", "--shared")
        self._callers.append(caller)
        bound = time.monotonic() + _ENDED_S
        while time.monotonic() < bound:
            # A supervisor that is ending may still answer: the next call starts another one.
            await caller.call("codex_active_runs", "", {}, _ANSWER_S)
            if await until(self._all_over, 2):
                # A lost run with retries is queued again at once.
                await asyncio.sleep(1)
                if self._all_over():
                    break
        asked = {each.token for each in self._model.asked}
        lost = [
            run
            for run in self._runs()
            if run.state == "lost" and run.token in asked and NO_RECORD not in run.reason
        ]
        tools = ("codex_fork", "codex_resume")
        for tool, run, task in zip(tools, lost, self._plan.closing, strict=False):
            given = {"run_id": run.id, "prompt": task.prompt, "wait_ms": 15_000}
            call = await caller.call(tool, task.token, given, 15 + _ANSWER_S)
            if call.fields.get("status") != "completed":
                self._trouble("lost for good", f"{tool} of {run.token}: {call.fields}")

    async def _look(self) -> None:
        """Read store, audit files, rollouts and the list of runs."""
        here, found = self._ground, self._evidence
        found.recorded = reading.read_recorded(here.home)
        try:
            found.stored = reading.read_store(here.home)
        except sqlite3.Error as error:
            self._trouble("store unreadable", str(error))
        for run in found.stored:
            found.audited[run.id] = reading.read_audit(run.id, here.project, here.home)
        listed = await here.command("runs", "list", "--all", "--json", "--limit", "100")
        told = json.loads(listed.out)["runs"] if listed.code == 0 else [{"runId": listed.err}]
        if {x["runId"]: x.get("status") for x in told} != {x.id: x.state for x in found.stored}:
            self._trouble("list differs", f"{told} but stored are {found.stored}")

    async def _close(self) -> None:
        """End all servers politely, and look for leftovers."""
        here, found = self._ground, self._evidence
        for caller in self._callers:
            if caller.server is not None and not caller.server.ended:
                await self._tolerated(caller.server.close(_ANSWER_S))
        try:
            stopped = await here.command("serve", "--stop")
            if stopped.code not in {0, 3}:
                self._trouble("not stopped", f"exit code {stopped.code}: {stopped.err}")
        except TimeoutError:
            self._trouble("not stopped", "serve --stop goes on")
        await until(lambda: not here.processes(), _GONE_S)
        found.left = [*here.processes().values()]
        found.commands = reading.read_commands(here.project / "ledger.txt")
        found.litter = reading.read_litter(here.project)

    async def _command(self, command: str, *words: str, task: Task) -> None:
        """Start or interrupt a run with `codexmcp runs`."""
        tool = "codex_interrupt" if command == "interrupt" else "cli"
        call = Call("cli", tool, task.token, time.time(), _ANSWER_S + 20)
        ended = await self._ground.command("runs", command, *words)
        told = {"status": "interrupted"} if tool != "cli" else {"runId": ended.out.strip()}
        call.answers.append((time.time(), {"error": ended.err} if ended.code else told))
        self._evidence.calls.append(call)

    def _caller(self, name: str, *flags: str) -> Caller:
        return self._ground.caller(name, flags, self._evidence.calls)

    def _trouble(self, kind: str, text: str) -> None:
        self._evidence.troubles.append((kind, text))

    async def _tolerated(self, step: Awaitable[object]) -> None:
        """Take a step that an earlier fault may have made impossible."""
        try:
            await step
        except TimeoutError:
            pass  # The run that it is about never came to that.
        except ServerError as error:
            self._trouble("unreachable", str(error))
