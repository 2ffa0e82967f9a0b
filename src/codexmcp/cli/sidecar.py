"""`codex-mcp-sidecar` and `codex-mcp-wrapper`: the run tools under the names of their forerunner.

Source: Codex MCP Sidecar registered its server by these names, with settings in the environment.
"""

from __future__ import annotations

import os
import sys

from codexmcp.entry import Work, run_program

SERVER = ["mcp-server", "--tools", "runs"]


def main() -> int:
    """Serve the run tools, by the supervisor unless the environment asks for a private server."""
    return run_program("codexmcp", _load)


def _load() -> Work:
    from codexmcp.cli.app import load_command  # noqa: PLC0415 - see `run_program`
    from codexmcp.errors import ConfigurationError  # noqa: PLC0415
    from codexmcp.run_settings import read_run_settings  # noqa: PLC0415

    try:
        is_private = read_run_settings(os.environ).is_private
    except ConfigurationError:
        # The server reads them again, and says what is wrong.
        is_private = False
    return load_command([*SERVER, *([] if is_private else ["--shared"]), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
