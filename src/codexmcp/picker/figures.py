"""Times and numbers in few characters.

Pure.
"""

from __future__ import annotations

import time

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_LONG_AGO_S = 30 * _DAY_S
_THOUSAND = 1000


def duration(seconds: float) -> str:
    """Return a time span, such as `42s`, `1m 05s`, `2h 07m` or `3d 4h`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m {whole % _MINUTE_S:02}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h {whole % _HOUR_S // _MINUTE_S:02}m"
    return f"{whole // _DAY_S}d {whole % _DAY_S // _HOUR_S}h"


def ago(seconds: float, now: float) -> str:
    """Return how long ago a time was, or its date when that is long ago.

    Args:
        seconds: Unix time, in seconds.
        now: Unix time now.
    """
    passed = now - seconds
    if passed < _MINUTE_S:
        return "now"
    if passed < _HOUR_S:
        return f"{int(passed) // _MINUTE_S}m ago"
    if passed < _DAY_S:
        return f"{int(passed) // _HOUR_S}h ago"
    if passed < _LONG_AGO_S:
        return f"{int(passed) // _DAY_S}d ago"
    try:
        return time.strftime("%Y-%m-%d", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "long ago"


def count(number: int) -> str:
    """Return a number of things, such as `950`, `12.3k` or `1.2M`."""
    for unit, factor in (("M", _THOUSAND**2), ("k", _THOUSAND)):
        # What rounds up to the next unit is told in it.
        if number >= factor * (1 - 0.5 / _THOUSAND):
            value = number / factor
            return f"{value:.1f}{unit}" if value < 100 - 0.05 else f"{value:.0f}{unit}"
    return str(number)
