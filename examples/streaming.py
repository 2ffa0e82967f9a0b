"""Follow a task while Codex works on it."""

from __future__ import annotations

import asyncio

from codexmcp import Codex, CommandFinished, CommandStarted, FilesChanged, TextDelta, TurnEnded

PROMPT = "Run `ls -a | head -3` and describe what you see."


async def main() -> None:
    """Print each event as it comes."""
    async with Codex(sandbox="workspace-write") as codex, codex.stream(PROMPT) as turn:
        async for event in turn:
            match event:
                case TextDelta(text=text):
                    print(text, end="", flush=True)
                case CommandStarted(command=command):
                    print(f"$ {command}")
                case CommandFinished(exit_code=code):
                    print(f"= exit code {code}")
                case FilesChanged(changes=changes):
                    print(*(change.path for change in changes))
                case TurnEnded(status=status):
                    print(f"\n[{status}]")
                case _:
                    pass
        print((await turn.result()).usage)


asyncio.run(main())
