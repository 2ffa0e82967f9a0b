"""Runs commands of `codexmcp` in a Codex home, as a user does."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ended import Ended
from tests.support.real_app_server import environment

BOUND_S = 90.0


@dataclass(frozen=True)
class Ran(Ended):
    """A command that has ended."""

    @property
    def json(self) -> Any:
        """What it printed with `--json`."""
        return json.loads(self.out)


async def codexmcp(home: Path, *words: str, **env: str) -> Ran:
    """Run a command to its end.

    Args:
        home: The Codex home.
        words: The command's words.
        env: More for its environment, which is nearly empty.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "codexmcp",
        *words,
        env={**environment(home), **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(BOUND_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())
