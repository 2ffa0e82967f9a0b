"""`codex-mcp-sidecar` and `codex-mcp-wrapper`: the run tools under the names of their forerunner.

Source: Codex MCP Sidecar registered its server by these names, with settings in the environment.
"""

from __future__ import annotations

import os
import sys

from codexmcp.cli.app import main as codexmcp
from codexmcp.run_settings import PREFIX

SERVER = ["mcp-server", "--tools", "runs"]


def main() -> int:
    """Serve the run tools, by the supervisor unless the environment asks for a private server."""
    private = os.environ.get(f"{PREFIX}APP_SERVER_MODE") == "private"
    return codexmcp([*SERVER, *([] if private else ["--shared"]), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
