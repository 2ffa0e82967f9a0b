"""Give Codex a task through an agent and an MCP server: `uv run python main.py "<prompt>"`."""

from __future__ import annotations

import sys

from codexmcp.entry import Work, run_program


def load() -> Work:
    """Read the arguments; imports come late so that Ctrl-C shows no traceback meanwhile."""
    from pathlib import Path  # noqa: PLC0415

    from codexmcp.agents.program import main_program  # noqa: PLC0415

    return main_program(Path(__file__).resolve().parent).load(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run_program("main.py", load))
