"""The generated reference pages: commands, MCP tools, environment, exit codes and run states.

`uv run python -m scripts.reference` writes them; `tests/unit/test_reference.py` compares them.
"""

from __future__ import annotations

from pathlib import Path

from scripts.reference import cli, codes, environment, tools

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
COMMAND = "uv run python -m scripts.reference"


def pages() -> dict[str, str]:
    """Return the text of each page, by file name."""
    return {
        "cli.md": cli.page(),
        "tools.md": tools.page(),
        "environment.md": environment.page(),
        "codes.md": codes.page(),
    }
