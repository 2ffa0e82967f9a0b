"""Clients of the supervisor for their Codex home and credentials.

Imports nothing heavy, because `codexmcp mcp-server --shared` answers its client at once.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import codexmcp
from codexmcp.cli.container_location import conversations_name, located
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.options.parts import CodexFlags
from codexmcp.command_line import words_of
from codexmcp.errors import CodexBinaryError
from codexmcp.settings import Settings, load_settings
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.joining import supervisor_address, supervisor_starter
from codexmcp.supervisor.relay import relay
from codexmcp.supervisor.start import SupervisorConnector

if TYPE_CHECKING:
    from codexmcp.server.reception import Reception


def relay_client(options: McpServerOptions) -> None:
    """Relay a client to its supervisor, after a start if no supervisor runs.

    Raises:
        ConfigurationError: No supervisor runs and none can be started.
    """
    # There is nothing to clean up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environ = dict(os.environ)
    settings = load_settings(environ)
    codex = located(options.codex, options.policy.cwd)
    connect = _connector(codex, words_of(options), settings, environ)
    relay(connect, lambda: reception(options, settings))


def reception(options: McpServerOptions, settings: Settings) -> Reception:
    """Return the answers that a client gets without a supervisor.

    Args:
        options: The client's.
        settings: The settings, for the Codex binary.
    """
    from codexmcp.codex.binary import find_codex, server_version  # noqa: PLC0415 - 20 ms
    from codexmcp.server.reception import Reception  # noqa: PLC0415 - as above

    try:
        version = server_version(find_codex(settings.codex_bin))
    except CodexBinaryError:
        # No supervisor starts without a binary either; the first call reports that.
        version = codexmcp.__version__
    return Reception(version, options.tool_groups, strict=options.strict_compat)


def open_connection(
    codex: CodexFlags,
    settings: Settings,
    environ: Mapping[str, str],
    options: McpServerOptions | None = None,
) -> socket.socket:
    """Return a connection to the supervisor, after a start if no supervisor runs.

    Args:
        codex: The options of Codex, located; see `located`.
        settings: The settings; a key may come from a pipe, so they are loaded only once.
        environ: The environment, without keys.
        options: The options of the client, for its policy.

    Raises:
        ConfigurationError: The supervisor cannot be started or used.
    """
    words = [] if options is None else words_of(options)
    return _connector(codex, words, settings, environ)()


def _connector(
    codex: CodexFlags, words: Sequence[str], settings: Settings, environ: Mapping[str, str]
) -> Callable[[], socket.socket]:
    """Return a function that connects a client with words of `mcp-server`."""
    from codexmcp.run_settings import client_environment  # noqa: PLC0415 - 5 ms

    address = address_for(codex, settings, environ)
    hello = Hello(words, str(Path.cwd()), client_environment(environ), codexmcp.__version__)
    return SupervisorConnector(
        address, hello, supervisor_starter(settings, environ, words_of(codex))
    ).connect


def address_for(codex: CodexFlags, settings: Settings, environ: Mapping[str, str]) -> Address:
    """Return the address of the supervisor for these credentials and options of Codex.

    Args:
        codex: The options of Codex, located; see `located`.
        settings: The settings.
        environ: The environment, without keys.
    """
    contained = codex.workspace if codex.in_container else None
    conversations = "" if contained is None else conversations_name(contained)
    return supervisor_address(settings, environ, words_of(codex), conversations)
