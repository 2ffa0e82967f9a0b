"""Rate limits: a bounded number of token buckets.

Pure, with an injected time. A bucket holds `burst` and gains `per_second`.
"""

from __future__ import annotations

from collections import OrderedDict

from codexmcp.data_classes import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate limit.

    Attributes:
        per_second: The sustained rate; 0 means unlimited.
        burst: The size of a burst.
    """

    per_second: float
    burst: float


class Buckets:
    """A bucket per client.

    Args:
        rate: The limit per client.
        keep: Bound on the number of buckets; the least recently used bucket is dropped, and full
            again.
    """

    def __init__(self, rate: Rate, keep: int = 1024) -> None:
        self._rate = rate
        self._keep = keep
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float, cost: float = 1.0) -> float:
        """Take from a bucket; return 0, or the seconds until it has enough.

        Args:
            who: The client.
            now: The time in seconds, on a monotonic clock.
            cost: The amount.
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
