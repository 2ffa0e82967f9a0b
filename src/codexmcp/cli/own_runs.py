"""The runs of `codexmcp mcp-server --tools runs`: they belong to this process."""

from __future__ import annotations

import os
from pathlib import Path

from codexmcp.cli import client_options
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.shared import address_for
from codexmcp.codex.config import default_home
from codexmcp.codex.container.options import ContainerOptions
from codexmcp.server.stdio import KeepRuns
from codexmcp.settings import Settings, secret_values
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.own_runs import own_runs
from codexmcp.supervisor.run_host import RunHostOptions
from codexmcp.supervisor.withheld import secret_files


def keep_runs(
    given: McpServerOptions, settings: Settings, container: ContainerOptions | None = None
) -> KeepRuns:
    """Return the keeper of the runs of this server.

    Args:
        given: The options, with those of Codex located.
        settings: The settings.
        container: The container of Codex; None on this machine.

    Raises:
        ConfigurationError: A setting in the environment cannot be used.
    """
    home = settings.codex_home or default_home()
    inside = None if container is None else container.home
    workspace = None if container is None else container.workspace
    options = RunHostOptions(
        home=inside or home,
        pointer_dir=pointer_dir(settings, os.environ),
        # A supervisor's, too: it takes over the queued runs at the end of this server.
        group=address_for(given.codex, settings, os.environ).id,
        secrets=secret_values(settings.api_key, os.environ),
        hidden=secret_files(settings, os.environ),
        drain_s=given.drain_timeout,
        allow_amendments=given.allow_policy_amendments,
    )
    caller = client_options.caller(
        given.policy, Path.cwd(), os.environ, home, workspace, idle_timeout_s=given.idle_timeout
    )
    return lambda desk: own_runs(options, caller, desk)
