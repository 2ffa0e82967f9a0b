"""Runs commands of `codexmcp` in a Codex home, as a user does."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ended import Ended, run_to_end
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
    argv = [sys.executable, "-P", "-m", "codexmcp", *words]
    ended = await run_to_end(argv, {**environment(home), **env}, bound_s=BOUND_S)
    return Ran(ended.code, ended.out, ended.err)
