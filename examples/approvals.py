"""Decide what Codex may do beyond its sandbox: `python approvals.py [accept]`."""

from __future__ import annotations

import asyncio
import sys

from codexmcp import Codex, QuestionAsked

PROMPT = "Run `uptime` outside of the sandbox and report the load."


async def main() -> None:
    """Answer each question of Codex with the decision of the command line."""
    accepts = "accept" in sys.argv
    async with (
        Codex(sandbox="workspace-write", approval_policy="on-request") as codex,
        codex.stream(PROMPT) as turn,
    ):
        async for event in turn:
            if isinstance(event, QuestionAsked):
                print(f"Codex asks: {event.text} -> {'yes' if accepts else 'no'}")
                await turn.answer(event, "accept" if accepts else "decline")
        print((await turn.result()).message)


asyncio.run(main())
