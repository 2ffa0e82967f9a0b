"""Record Codex's skill uses from its rollouts in the command log.

A skill cannot report its own use: commands in Codex's sandbox do not reach the server. With full
access or a network a use is reported twice, and counted once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from codexmcp.data_classes import dataclass, field
from codexmcp.usage.skill_uses import SkillUses

if TYPE_CHECKING:
    from codexmcp.http.persist import Persisted

logger = logging.getLogger(__name__)

CLIENT = "codex"
PAUSE_S = 2.0
"""Minimum time between two scans of the rollouts."""

_SHARE = 50
"""A scan of 100,000 rollouts is slow; the pause is this multiple of its duration."""

_WINDOW_S = 300.0
"""Bound on the delay of a skill's own report."""


@dataclass(slots=True)
class Repeats:
    """Detect uses reported both by a skill and by a rollout."""

    _alone: deque[tuple[str, float, bool]] = field(
        default_factory=lambda: deque[tuple[str, float, bool]](maxlen=1000)
    )

    def has(self, command: str, at: float, *, by_rollout: bool) -> bool:
        """Return True for a use already reported by the other source; otherwise record it.

        Args:
            command: The skill.
            at: The time of the use, in seconds since 1970.
            by_rollout: The report comes from a rollout.
        """
        for known in self._alone:
            if known[0] == command and known[2] != by_rollout and abs(known[1] - at) <= _WINDOW_S:
                self._alone.remove(known)
                return True
        self._alone.append((command, at, by_rollout))
        return False


@contextlib.asynccontextmanager
async def following(home: Path, persisted: Persisted) -> AsyncGenerator[None, None]:
    """Record skill uses while the block runs, starting at the end of the last scan."""
    task = asyncio.create_task(_follow(home, persisted))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _follow(home: Path, persisted: Persisted) -> None:
    telemetry = persisted.telemetry
    if telemetry.skills_until is None:
        telemetry.skills_until = time.time()
    uses = SkillUses(home, telemetry.skills_until)
    while True:
        began = time.monotonic()
        try:
            found = await asyncio.to_thread(uses.new)
        except Exception:
            logger.exception("the rollouts in %s cannot be read for the command log", home)
            found = []
        for use in found:
            persisted.add_use(use)
        telemetry.skills_until = uses.latest
        await asyncio.sleep(max(PAUSE_S, _SHARE * (time.monotonic() - began)))
