"""Runs of an MCP server without a supervisor; they end with the server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from codexmcp.codex.desk import Desk
from codexmcp.policy.caller import Caller
from codexmcp.server.run_tools.tools import RunTools
from codexmcp.supervisor.run_host import RunHostOptions, run_host
from codexmcp.supervisor.setup_check import check_setup


@contextlib.asynccontextmanager
async def own_runs(
    options: RunHostOptions, caller: Caller, desk: Desk
) -> AsyncGenerator[RunTools, None]:
    """Work on runs during the block, and yield the run tools of the only client."""
    async with run_host(options, desk) as host:
        yield RunTools(host.service, caller, lambda: check_setup(caller, options, desk.source))
