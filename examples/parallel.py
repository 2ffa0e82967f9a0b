"""Give Codex several tasks at once: they share one process of Codex."""

from __future__ import annotations

import asyncio

from codexmcp import Codex

QUESTIONS = {
    "kernel": "Run `uname -r` and give me the version of the kernel.",
    "user": "Run `id -un` and give me the name of the user.",
    "shell": "Run `echo $0` and give me the name of the shell.",
}


async def main() -> None:
    """Print all answers, in the order of the questions."""
    async with Codex(sandbox="workspace-write", timeout_s=600) as codex:
        results = await asyncio.gather(*(codex.run(each) for each in QUESTIONS.values()))
    for name, result in zip(QUESTIONS, results, strict=True):
        print(f"== {name} ({result.duration_s:.1f} s)\n{result.message}")


asyncio.run(main())
