"""Give Codex a task through an agent and the SDK's `codex_tool`: `uv run python newway.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from codexmcp.agents.program import OpenAgent, Program

SMOKE_PROMPT = "Use $mcp-skill-smoke to run the smoke test, and report the file's contents."


def load_agent() -> OpenAgent:
    """Import the `codex_tool` approach, which takes the SDK's second and more."""
    from codexmcp.agents.tool_approach import tool_agent  # noqa: PLC0415

    return tool_agent


PROGRAM = Program(
    name="newway.py",
    project=Path(__file__).resolve().parent,
    load_agent=load_agent,
    default_prompt=SMOKE_PROMPT,
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
