"""Calls of `codex` and `codex-reply` as recorded runs, for clients with tasks on a supervisor.

The result has the form of these tools. A call that cannot be a run of its own, such as a reply on
a thread without a run, is left to the tools themselves.
"""

from __future__ import annotations

from typing import Any

from codexmcp.data_classes import replace
from codexmcp.errors import RunError
from codexmcp.policy import extras
from codexmcp.policy.arguments import parse_codex_arguments, parse_reply_arguments
from codexmcp.runs.facade import Runs
from codexmcp.runs.run import Run
from codexmcp.runs.start_options import StartOptions
from codexmcp.runs.states import RunState
from codexmcp.server.engine import EngineOptions
from codexmcp.server.results import CallResult, cut_to, failure
from codexmcp.server.tools import CODEX, CODEX_REPLY

PLAIN_TOOLS = frozenset({CODEX, CODEX_REPLY})


class PlainCalls:
    """The calls of one client.

    Args:
        runs: The runs of the client.
        options: Options of the two tools.
    """

    def __init__(self, runs: Runs, options: EngineOptions) -> None:
        self._runs = runs
        self._options = options

    async def started(self, name: str, arguments: object) -> Run | None:
        """Start the run of a call; None for a call left to the tool.

        Raises:
            CodexMCPError: The call is invalid, or the policy forbids an argument.
        """
        if name == CODEX:
            return await self._start(arguments)
        return await self._reply(arguments)

    async def _start(self, arguments: object) -> Run | None:
        call = parse_codex_arguments(arguments, strict=False)
        conversations = self._options.conversations
        if conversations.policy.restricts and call.config:
            # A run with settings of its own is hidden from a caller with a fixed policy.
            return None
        bounded = replace(call.extras, timeout_s=self._bound(call.extras.timeout_s))
        return await self._runs.start_call(
            replace(call, extras=bounded), conversations.defaults, tool=CODEX
        )

    async def _reply(self, arguments: object) -> Run | None:
        reply = parse_reply_arguments(arguments, strict=False)
        last = await self._runs.last_of(reply.thread_id)
        if last is None:
            return None
        extra = reply.extras
        options = StartOptions(
            prompt=reply.prompt,
            sandbox=reply.sandbox,
            effort=extra.effort,
            images=extra.images,
            output_schema=extra.output_schema,
            timeout_s=self._bound(extra.timeout_s) or 0.0,
            tool=CODEX,
        )
        try:
            return await self._runs.resume(last.id, options)
        except RunError:
            # The tool has a refusal of its own, or another way to the thread.
            return None

    def _bound(self, asked_s: float | None) -> float | None:
        limits = self._options.conversations.limits
        return min((each for each in (asked_s, limits.timeout_s) if each), default=None)

    def result(self, run: Run) -> dict[str, Any]:
        """Return the result of an ended run in the form of the tools."""
        usage = run.progress.usage.to_json()
        took_s = (run.ended_at or run.created_at) - (run.started_at or run.created_at)
        meta = {"usage": usage, "durationMs": round(took_s * 1000)}
        if run.state is RunState.COMPLETED:
            notes = (run.reason,) if run.reason else ()
            schema = run.request.output_schema
            output = None if schema is None else extras.read_output(schema, run.message)[0]
            answer = CallResult(run.message, run.thread_id, output=output, meta=meta, notes=notes)
        else:
            answer = replace(failure(run.reason, run.thread_id), meta=meta)
        return cut_to(answer, self._options.max_result_bytes).to_wire(strict=False)
