"""Time in milliseconds."""

from __future__ import annotations

import time


class Stopwatch:
    """Counts from its making, or from its last lap."""

    def __init__(self) -> None:
        self._from = time.perf_counter()

    def lap_ms(self) -> float:
        """Return the milliseconds since the last lap and begin a new one."""
        now = time.perf_counter()
        passed, self._from = now - self._from, now
        return passed * 1000
