"""The runs of `codexmcp mcp-server --tools runs`: they belong to this process."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from codexmcp.appserver.container import ContainerOptions
from codexmcp.cli import client_options
from codexmcp.cli.shared import address_for
from codexmcp.home.config import default_home
from codexmcp.server.stdio import KeepRuns
from codexmcp.settings import Settings, secret_values
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.own_runs import own_runs
from codexmcp.supervisor.run_host import RunHostOptions


def keep_runs(
    arguments: argparse.Namespace, settings: Settings, container: ContainerOptions | None = None
) -> KeepRuns:
    """Return what keeps the runs of this server.

    Args:
        arguments: Its arguments.
        settings: The settings.
        container: What Codex runs in; None when it runs here.

    Raises:
        ConfigurationError: The environment holds a setting that cannot be used.
    """
    home = settings.codex_home or default_home()
    inside = None if container is None else container.home
    workspace = None if container is None else container.workspace
    options = RunHostOptions(
        home=inside or home,
        pointer_dir=pointer_dir(settings, os.environ),
        # A supervisor's, too: what waits when this server ends is taken over.
        group=address_for(arguments, settings, os.environ).id,
        secrets=secret_values(settings.api_key, os.environ),
        drain_s=arguments.drain_timeout,
        allow_amendments=arguments.allow_policy_amendments,
    )
    caller = client_options.caller(arguments, Path.cwd(), os.environ, home, workspace)
    return lambda keeper, threads: own_runs(options, caller, keeper, threads)
