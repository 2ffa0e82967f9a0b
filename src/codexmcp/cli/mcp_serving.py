"""Serves the client of `codexmcp mcp-server`. Imported while Codex starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from codexmcp.cli import client_options
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.codex.binary import server_version
from codexmcp.codex.options import CodexOptions
from codexmcp.errors import ExitCode
from codexmcp.server.first_answer import Received
from codexmcp.server.reception import CODEX_TOOLS, RUN_TOOLS
from codexmcp.server.stdio import KeepRuns, ServerOptions, serve_stdio
from codexmcp.settings import Settings


def serve_client(
    options: McpServerOptions, settings: Settings, codex: CodexOptions, received: Received
) -> int:
    """Serve until the client leaves or a signal arrives; return the exit code.

    Args:
        options: The options, with those of Codex located.
        settings: The settings.
        codex: The launch of Codex, possibly already started.
        received: The client.

    Raises:
        ConfigurationError: The environment does not allow it.
    """
    groups = options.tool_groups
    server = ServerOptions(
        codex=codex,
        protocol=client_options.protocol_options(options, server_version(codex.launch.codex)),
        engine=client_options.engine_options(options, Path.cwd())
        if CODEX_TOOLS in groups
        else None,
        runs=_own_runs(options, settings, codex) if RUN_TOOLS in groups else None,
        received=received,
        drain_s=options.drain_timeout,
    )
    try:
        asyncio.run(serve_stdio(server))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    return ExitCode.DONE


def _own_runs(options: McpServerOptions, settings: Settings, codex: CodexOptions) -> KeepRuns:
    """Return what keeps the runs of a server without a supervisor."""
    from codexmcp.cli.own_runs import keep_runs  # noqa: PLC0415 - most servers keep none

    return keep_runs(options, settings, codex.container)
