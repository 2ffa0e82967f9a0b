"""`codexmcp mcp-server`: from its arguments to a running server of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import replace
from pathlib import Path

import codexmcp
from codexmcp.appserver.launch import DELTAS
from codexmcp.cli import client_options
from codexmcp.cli.codex_options import codex_options
from codexmcp.home.binary import package_version
from codexmcp.server.codex import CodexOptions
from codexmcp.server.stdio import KeepRuns, ServerOptions, serve_stdio
from codexmcp.settings import Settings, load_settings


def run(arguments: argparse.Namespace) -> None:
    """Serve until the client leaves.

    Raises:
        ConfigurationError: The surroundings do not allow it.
    """
    settings = load_settings(os.environ)
    groups = client_options.tool_groups(arguments)
    opt_out = DELTAS if arguments.no_deltas else ()
    codex = codex_options(arguments, settings, os.environ, opt_out=opt_out)
    if arguments.in_container:
        codex = _contained(arguments, settings, codex, keeps=client_options.RUN_TOOLS in groups)
    version = package_version(codex.launch.codex) or codexmcp.__version__
    options = ServerOptions(
        codex=codex,
        protocol=client_options.protocol_options(arguments, version),
        engine=client_options.engine_options(arguments, Path.cwd())
        if client_options.CODEX_TOOLS in groups
        else None,
        runs=_own_runs(arguments, settings, codex) if client_options.RUN_TOOLS in groups else None,
        drain_s=arguments.drain_timeout,
    )
    asyncio.run(serve_stdio(options))


def _contained(
    arguments: argparse.Namespace, settings: Settings, codex: CodexOptions, *, keeps: bool
) -> CodexOptions:
    from codexmcp.cli import container_options  # noqa: PLC0415 - rarely used

    container = container_options.container_options(arguments, settings, codex, keeps=keeps)
    container_options.fix_cwd(arguments)
    return replace(codex, container=container)


def _own_runs(arguments: argparse.Namespace, settings: Settings, codex: CodexOptions) -> KeepRuns:
    """Return what keeps the runs of a server without a supervisor."""
    from codexmcp.cli.own_runs import keep_runs  # noqa: PLC0415 - most servers keep none

    return keep_runs(arguments, settings, codex.container)
