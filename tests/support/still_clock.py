"""A clock that stands still until it is put forward."""

from __future__ import annotations


class StillClock:
    """Stands in the place of the module `time`.

    Attributes:
        now: What it shows, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1.0

    def monotonic(self) -> float:
        """Return what it shows."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Put it forward."""
        self.now += seconds
