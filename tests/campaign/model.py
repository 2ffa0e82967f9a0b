"""The scripted model: plays tasks as a catalogue model does, and keeps a ledger."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from codexmcp.jsonvalues import is_object, list_of, object_of
from codexmcp.rehearsal.conversation import text_of, tools_of
from codexmcp.rehearsal.responses import Item
from codexmcp.testing import (
    CustomToolCall,
    Delay,
    FunctionCall,
    Message,
    Outcome,
    Reply,
    Request,
    Usage,
)
from tests.campaign.evidence import Asked
from tests.campaign.tasks import Command, Goal, Spawn, Step, Task, Think, Wait

MARK = "CAMPAIGN_MARK"
"""The variable by which the processes of an agent's commands are found; its value is the token."""

_TASK = re.compile(r"TASK (s\d+r\d+(?:\.\w+)*)")
_CELL = re.compile(r"Script running with cell ID (\S+)")
_POLLS = frozenset({"wait", "write_stdin", "wait_agent"})
_EXEC = "try { text(JSON.stringify(await tools.%s(%s))); } catch (e) { text('THROWN ' + e); }"


class CampaignModel:
    """Answers each prompt by its task; `answer` is the responder of a `ModelServer`.

    Args:
        tasks: The tasks that prompts may name.
        ledger: The file into which commands write their names.

    Attributes:
        asked: All requests, in order.
    """

    def __init__(self, tasks: Iterable[Task], ledger: Path) -> None:
        self.asked: list[Asked] = []
        self._tasks = {each.token: each for task in tasks for each in task.tree()}
        self._ledger = ledger
        self._issued = Counter[str]()
        self._news = asyncio.Condition()

    async def wait_for(self, token: str, depth: int) -> None:
        """Wait for a request of a run's agent at a depth; the root has 0."""

        def seen() -> bool:
            tree = (each.token for each in self.asked if f"{each.token}.".startswith(f"{token}."))
            return any(each.count(".") >= depth for each in tree)

        async with self._news:
            await self._news.wait_for(seen)

    async def answer(self, request: Request) -> Outcome:
        """Return the answer to a request, and note the request."""
        items = [each for each in list_of(request.body.get("input")) if is_object(each)]
        at, token = _task_in(items)
        task = self._tasks.get(token)
        outcome = self._next(task, items[at + 1 :]) if task else _reply(Message("No task."))
        last = outcome.then if isinstance(outcome, Delay) else outcome
        final = (
            task is not None and isinstance(last, Reply) and last.items == (Message(task.final),)
        )
        metadata = object_of(request.body.get("client_metadata")).get("x-codex-turn-metadata", "{}")
        turn = str(object_of(json.loads(str(metadata))).get("turn_id"))
        exec_offered = any(tool.get("name") == "exec" for tool in tools_of(request.body))
        fresh = _is_fresh(items, at)
        said = task.final if task is not None and final else ""
        self.asked.append(Asked(time.time(), token, turn, fresh, said, exec_offered))
        async with self._news:
            self._news.notify_all()
        return outcome

    def _next(self, task: Task, since: list[dict[str, Any]]) -> Outcome:
        """Return the answer to the items since the prompt."""
        if since and (cell := _CELL.search(text_of(since[-1].get("output")))):
            return _reply(FunctionCall("wait", {"cell_id": cell[1], "yield_time_ms": 30_000}))
        made = [x.get("name") for x in since if str(x.get("type")).endswith("_call")]
        position = sum(name not in _POLLS for name in made)
        # Steps that call nothing belong to the call after them.
        calls, delay_s, waits = list[Step](), 0.0, 0
        for step in task.steps:
            match step:
                case Think(seconds=seconds):
                    delay_s += seconds if len(calls) == position else 0.0
                case Wait():
                    waits += len(calls) <= position
                case _:
                    calls.append(step)
        if made.count("wait_agent") < waits and _has_child_at_work(calls[:position], since):
            # Codex takes 10 s at least.
            arguments = {"timeout_ms": 10_000}
            answer = _reply(FunctionCall("wait_agent", arguments, namespace="collaboration"))
        elif position < len(calls):
            answer = _reply(self._call(task.token, position, calls[position]))
        else:
            answer = _reply(Message(task.final))
        return Delay(delay_s, answer) if delay_s else answer

    def _call(self, token: str, number: int, step: Step) -> Item:
        match step:
            case Spawn(task=child):
                name = child.token.rpartition(".")[2]
                arguments = {"task_name": name, "message": child.prompt, "fork_turns": "none"}
                return FunctionCall("spawn_agent", arguments, namespace="collaboration")
            case Goal(blocks=blocks):
                goal = {"status": "blocked"} if blocks else {"objective": f"Go on with {token}."}
                tool = "update_goal" if blocks else "create_goal"
                return CustomToolCall("exec", _EXEC % (tool, json.dumps(goal)))
            case Command():
                return CustomToolCall("exec", self._command(f"{token}.{number}", token, step))
            case _:
                raise AssertionError(step)

    def _command(self, name: str, token: str, command: Command) -> str:
        # With the number of times that the model asked: the same name twice ran unasked.
        self._issued[name] += 1
        line = f"{name}.{self._issued[name]} $(date +%s.%N)"
        shell = (
            f"export {MARK}={token}; echo \"{line}\" >> '{self._ledger}'; sleep {command.seconds}"
        )
        arguments: dict[str, Any] = {"cmd": f"{shell}; echo out", "yield_time_ms": 30_000}
        if command.background:
            arguments["yield_time_ms"] = 300
        if command.asks:
            arguments |= {"sandbox_permissions": "require_escalated", "justification": "May I?"}
        return _EXEC % ("exec_command", json.dumps(arguments))


def _reply(item: Item) -> Reply:
    return Reply((item,), Usage(input_tokens=100, output_tokens=10))


def _task_in(items: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the position of the last prompt that names a task, and the task's token."""
    for at in range(len(items) - 1, -1, -1):
        item = items[at]
        prompts = item.get("role") == "user" or str(item.get("type")).endswith("agent_message")
        if prompts and (found := _TASK.search(json.dumps(item.get("content")))):
            return at, found[1]
    return -1, ""


def _is_fresh(items: list[dict[str, Any]], at: int) -> bool:
    """Return whether a user's prompt began this turn: nothing has come of it."""
    if at < 0 or items[at].get("role") != "user":
        return False
    rest = [each for each in items[at + 1 :] if each.get("role") != "developer"]
    return all(text_of(x.get("content")).startswith("<environment_context") for x in rest)


def _has_child_at_work(calls: list[Step], since: list[dict[str, Any]]) -> bool:
    """Return whether a sub-agent that was started has not reported its end."""
    told = json.dumps(since)
    for step in calls:
        if isinstance(step, Spawn):
            name = step.task.token.rpartition(".")[2]
            # Codex answers with the path of an agent that it started, and refuses too many.
            started = re.search(rf'task_name[^,}}]*/{name}[\\"]', told)
            if started and step.task.final not in told:
                return True
    return False
