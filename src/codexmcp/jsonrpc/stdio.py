"""Checks of stdin and stdout for an MCP server. Imports no event loop."""

from __future__ import annotations

import os
import sys

from codexmcp.entry import was_closed
from codexmcp.errors import ConfigurationError, WorkError

WAITING = (
    "codexmcp: waiting for an MCP client on stdin, and this is a terminal; MCP clients start this "
    "command themselves, as after `claude mcp add codex -- codexmcp mcp-server`; Ctrl-C ends it\n"
)


def expect_client() -> None:
    """Check that an MCP client can use stdin and stdout; print a hint on a terminal.

    Raises:
        ConfigurationError: stdin or stdout is closed.
    """
    if sys.stdin is None or was_closed(1):
        raise ConfigurationError(
            "stdin or stdout is closed, and an MCP client is expected there; start this from a "
            "client, or with both of them open"
        )
    if os.isatty(sys.stdin.fileno()):
        sys.stderr.write(WAITING)


def stdout_error(error: OSError) -> WorkError:
    """Return the error for a failed write to stdout."""
    return WorkError(f"cannot write to stdout: {error.strerror}; the client cannot be answered")
