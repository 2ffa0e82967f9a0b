"""Give Codex a task through an agent and an MCP server: `uv run python main.py "<prompt>"`."""

from __future__ import annotations

import sys
from pathlib import Path

from codexmcp.agents.program import OpenAgent, Program


def load_agent() -> OpenAgent:
    """Import the MCP approach, which takes the SDK's second and more."""
    from codexmcp.agents.mcp_approach import mcp_agent  # noqa: PLC0415

    return mcp_agent


PROGRAM = Program(
    name="main.py",
    project=Path(__file__).resolve().parent,
    load_agent=load_agent,
    server_command=True,
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
