"""Runs that belong to an MCP server instead of a supervisor: they end with it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from codexmcp.appserver.threads import Threads
from codexmcp.jsonrpc.messages import Request
from codexmcp.runs.execution import Executor
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import RunTools
from codexmcp.supervisor.run_host import RunHostOptions, run_host
from codexmcp.supervisor.setup_check import check_setup


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """The runs of an MCP server.

    Attributes:
        tools: The run tools.
    """

    tools: RunTools
    _executor: Executor

    def works_on(self, thread_id: str) -> bool:
        """Return whether a run is under way on a thread."""
        return self._executor.works_on(thread_id)

    async def on_codex_request(self, request: Request) -> object:
        """Answer a question of Codex in a run."""
        return await self._executor.on_codex_request(request)


@contextlib.asynccontextmanager
async def own_runs(
    options: RunHostOptions, caller: Caller, keeper: AppServerKeeper, threads: Threads
) -> AsyncGenerator[OwnRuns, None]:
    """Keep runs and work on them while the block runs.

    Args:
        options: How.
        caller: The only client.
        keeper: Has the app-server.
        threads: Its threads.
    """
    async with run_host(options, keeper, threads) as host:
        tools = RunTools(host.service, caller, lambda: check_setup(caller, options, keeper))
        yield OwnRuns(tools, host.executor)
