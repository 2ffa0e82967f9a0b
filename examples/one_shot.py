"""Give Codex one task. Rehearse it: `uv run python -m codexmcp.rehearsal examples/one_shot.py`."""

from __future__ import annotations

import asyncio

from codexmcp import Codex


async def main() -> None:
    """Print the answer, and the commands behind it."""
    async with Codex(sandbox="workspace-write") as codex:
        result = await codex.run("Run `uname -sr` and tell me which system this is.")
    print(result.message)
    for command in result.commands:
        print(f"$ {command.command} (exit code {command.exit_code})")


asyncio.run(main())
