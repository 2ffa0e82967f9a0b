"""`codexmcp mcp-server`: from its options to a running server of its own.

Imports no event loop: Codex is started and `initialize` answered before the rest is imported.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NoReturn

from codexmcp.appserver.launch import DELTAS
from codexmcp.appserver.spawn import raise_descriptor_limit
from codexmcp.cli.codex_options import codex_options, resolution
from codexmcp.cli.container_location import located
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.policy_options import fixed_folder
from codexmcp.codex.binary import server_version
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.prestart import prestarted
from codexmcp.data_classes import replace
from codexmcp.entry import leave
from codexmcp.jsonrpc.stdio import expect_client
from codexmcp.server.first_answer import receive
from codexmcp.server.reception import RUN_TOOLS, Reception
from codexmcp.settings import Settings, load_settings, sandbox_mode


def serve(options: McpServerOptions) -> NoReturn:
    """Serve until the client leaves.

    Raises:
        ConfigurationError: A setting, the binary or the home cannot be used.
        UsageError: The policy cannot be enforced.
    """
    settings = load_settings(os.environ)
    opt_out = DELTAS if options.no_deltas else ()
    found = resolution(options.codex, settings, os.environ, profile=options.policy.profile)
    codex = codex_options(options.codex, found, opt_out=opt_out)
    options = replace(options, codex=located(options.codex, options.policy.cwd))
    if options.codex.in_container:
        options, codex = _contained(options, settings, codex)
    # Invalid settings are errors before the client is answered.
    fixed_folder(options.policy.cwd, Path.cwd())
    sandbox_mode(os.environ)
    expect_client()
    # Until the event loop handles them. A client may send one once `initialize` is answered.
    # Source: after a KeyboardInterrupt in `exec`, even handled, `python -m` ends by the signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    raise_descriptor_limit()
    codex = prestarted(codex)
    version = server_version(codex.launch.codex)
    received = receive(Reception(version, options.tool_groups, strict=options.strict_compat))

    from codexmcp.cli.mcp_serving import serve_client  # noqa: PLC0415 - 100 ms, beside Codex's start

    code = serve_client(options, settings, codex, received)
    # The shutdown of the interpreter would take as long again as the end of Codex.
    leave("codexmcp", code)


def _leave(number: int, _frame: object) -> None:
    """End at once; the processes started so far end with this one."""
    os._exit(128 + number)


def _contained(
    options: McpServerOptions, settings: Settings, codex: CodexOptions
) -> tuple[McpServerOptions, CodexOptions]:
    from codexmcp.cli import container_options  # noqa: PLC0415 - rarely used

    keeps = RUN_TOOLS in options.tool_groups
    container = container_options.container_options(
        options.codex, settings, codex, options.policy, keeps=keeps
    )
    policy_flags = container_options.contained_policy(options.policy, container.workspace)
    return replace(options, policy=policy_flags), replace(codex, container=container)
