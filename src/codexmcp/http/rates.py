"""How often somebody may ask: token buckets, of which only so many are kept.

Pure: the time is given. A bucket holds `burst` and gains `per_second`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """How often.

    Attributes:
        per_second: In the long run; 0 means without a bound.
        burst: At once.
    """

    per_second: float
    burst: float


class Buckets:
    """One bucket for each who asks.

    Args:
        rate: What holds for each.
        keep: How many are kept; the one that was used longest ago is forgotten, and full again.
    """

    def __init__(self, rate: Rate, keep: int = 1024) -> None:
        self._rate = rate
        self._keep = keep
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float, cost: float = 1.0) -> float:
        """Take from a bucket; return 0, or after how many seconds there is enough in it.

        Args:
            who: Whose bucket.
            now: The time in seconds, on a clock that never goes back.
            cost: How much.
        """
        if not self._rate.per_second:
            return 0.0
        level, then = self._filled.pop(who, (self._rate.burst, now))
        level = min(self._rate.burst, level + (now - then) * self._rate.per_second)
        wait_s = max(0.0, (cost - level) / self._rate.per_second)
        self._filled[who] = (level - cost if wait_s == 0 else level, now)
        while len(self._filled) > self._keep:
            self._filled.popitem(last=False)
        return wait_s
