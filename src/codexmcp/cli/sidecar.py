"""`codex-mcp-sidecar` and `codex-mcp-wrapper`: the run tools under the names of their forerunner.

Source: Codex MCP Sidecar registered its server by these names, with settings in the environment.
"""

from __future__ import annotations

import os
import sys

from codexmcp.cli.app import main as codexmcp
from codexmcp.errors import ConfigurationError
from codexmcp.run_settings import read_run_settings

SERVER = ["mcp-server", "--tools", "runs"]


def main() -> int:
    """Serve the run tools, by the supervisor unless the environment asks for a private server."""
    try:
        is_private = read_run_settings(os.environ).is_private
    except ConfigurationError:
        # The server reads them again, and says what is wrong.
        is_private = False
    return codexmcp([*SERVER, *([] if is_private else ["--shared"]), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
