"""Methods for a person at a terminal: the facade of runs for other programs on this machine.

Parameters and answers have the names of the run tools. Errors carry kind and fields; see `asking`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from codexmcp.appserver.answers import Answer
from codexmcp.errors import UsageError
from codexmcp.jsonrpc.messages import JsonObject
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs.approvals import DECISIONS
from codexmcp.runs.facade import Runs
from codexmcp.server.run_tools import answers
from codexmcp.server.run_tools import definitions as tools
from codexmcp.server.run_tools.arguments import check, start_options
from codexmcp.server.services import Method
from codexmcp.supervisor import methods

BY_HUMAN = "a human at the terminal"


def human_methods(runs: Runs) -> dict[str, Method]:
    """Return the methods to start runs, act on runs and answer questions."""

    async def start(given: dict[str, Any]) -> object:
        return answers.handle(await runs.start(start_options(given)))

    async def resume(given: dict[str, Any]) -> object:
        return answers.handle(await runs.resume(given["run_id"], start_options(given)))

    async def fork(given: dict[str, Any]) -> object:
        return answers.handle(await runs.fork(given["run_id"], start_options(given)))

    async def steer(given: dict[str, Any]) -> object:
        return answers.acted(await runs.steer(given["run_id"], given["prompt"]))

    async def approvals(given: dict[str, Any]) -> object:
        return answers.approvals(await runs.approvals(given.get("run_id")))

    async def interrupt(params: JsonObject) -> object:
        return answers.acted(await runs.interrupt(text_of(params.get("runId")) or ""))

    async def answer(params: JsonObject) -> object:
        decision = text_of(params.get("decision")) or ""
        if decision not in DECISIONS:
            raise UsageError(f"invalid decision {decision!r}: pass one of {', '.join(DECISIONS)}")
        given = Answer(DECISIONS[decision], content=object_of(params.get("content")))
        question_id = text_of(params.get("approvalId")) or ""
        return answers.answered(await runs.answer(question_id, given), decision)

    return {
        methods.START: _checked(tools.RUN, start),
        methods.RESUME: _checked(tools.RESUME, resume),
        methods.FORK: _checked(tools.FORK, fork),
        methods.STEER: _checked(tools.STEER, steer),
        methods.APPROVALS: _checked(tools.APPROVALS, approvals),
        methods.INTERRUPT: interrupt,
        methods.ANSWER: answer,
    }


def _checked(tool: str, do: Callable[[dict[str, Any]], Awaitable[object]]) -> Method:
    """Return a method with the parameters of a run tool."""

    async def method(params: JsonObject) -> object:
        return await do(check(tool, params, called="the request"))

    return method
