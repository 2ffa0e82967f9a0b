"""Short forms of times, sizes and counts, for people.

Pure.
"""

from __future__ import annotations

import time

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_TEN_S, _TEN_DAYS_S, _LONG_AGO_S = 10, 10 * _DAY_S, 30 * _DAY_S
_THOUSAND, _KIB = 1000, 1024


def duration(seconds: float) -> str:
    """Return a time span in at most seven characters: `4.2s`, `4m12s`, `2h02m` or `12d`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE_S:
        return f"{max(0.0, seconds):.1f}s" if whole < _TEN_S else f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02}m"
    if whole < _TEN_DAYS_S:
        return f"{whole // _DAY_S}d{whole % _DAY_S // _HOUR_S:02}h"
    return f"{whole // _DAY_S}d"


def ago(seconds: float, now: float) -> str:
    """Return the time since a past moment, or the date after 30 days.

    Args:
        seconds: Unix time of the moment, in seconds.
        now: Unix time now, in seconds.
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
    """Return a count, for example `950`, `12.3k` or `1.2M`."""
    for unit, factor in (("M", _THOUSAND**2), ("k", _THOUSAND)):
        # A value that rounds up to the next unit is shown in the next unit.
        if number >= factor * (1 - 0.5 / _THOUSAND):
            value = number / factor
            return f"{value:.1f}{unit}" if value < 100 - 0.05 else f"{value:.0f}{unit}"
    return str(number)


def size(size_bytes: int) -> str:
    """Return a size in powers of 1024, for example `812 B` or `1.4 MiB`."""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{size_bytes} B" if unit == "B" else f"{value:.1f} {unit}"
