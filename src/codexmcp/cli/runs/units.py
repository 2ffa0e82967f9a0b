"""Durations, sizes and counts, from what people write and to what they read. Pure."""

from __future__ import annotations

import argparse
import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", re.IGNORECASE)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TEN_DAYS = 10 * _DAY


def duration(text: str) -> float:
    """Return the seconds of a duration such as `30d`, `12h` or `1h30m`.

    Raises:
        argparse.ArgumentTypeError: It is none; a bare number has no unit and could be taken wrong.
    """
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 12h or 30d")
    return sum(float(part[1]) * _SECONDS[part[2].lower()] for part in parts)


def seconds(text: str) -> float:
    """Return a bound in seconds from `90`, `1.5`, `90s` or `10m`.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        return duration(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def size(text: str) -> int:
    """Return the bytes of a size such as `500M` or `1G`, in powers of 1024.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500M or 1G")
    return int(float(match[1]) * _BYTES[match[2].upper()])


def count(text: str) -> int:
    """Return a number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def told_duration(seconds: float) -> str:
    """Return a duration in at most seven characters, such as `4.2s`, `4m12s` or `3d`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{max(0.0, seconds):.1f}s" if whole < 10 else f"{whole}s"  # noqa: PLR2004 - a digit
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    if whole < _TEN_DAYS:
        return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"
    return f"{whole // _DAY}d"


def told_age(seconds: float) -> str:
    """Return how long ago something was, such as `3h ago`; `now` for a moment."""
    whole = int(seconds)
    if whole < 1:
        return "now"
    for unit in ("d", "h", "m"):
        if whole >= _SECONDS[unit]:
            return f"{whole // _SECONDS[unit]}{unit} ago"
    return f"{whole}s ago"


def told_count(number: int) -> str:
    """Return a count in at most five characters, such as `950`, `12.3k` or `1.2M`."""
    # A number that rounds up to the next unit is told in it.
    if number < 1000:  # noqa: PLR2004 - the unit
        return str(number)
    if number < 999_950:  # noqa: PLR2004 - the unit
        return f"{number / 1000:.1f}k" if number < 99_950 else f"{number / 1000:.0f}k"  # noqa: PLR2004 - width
    return f"{number / 1_000_000:.1f}M"


def told_size(size_bytes: int) -> str:
    """Return a size such as `812 B` or `1.4 MiB`."""
    if size_bytes < _BYTES["K"]:
        return f"{size_bytes} B"
    unit = next((unit for unit in "KMG" if size_bytes < _BYTES[unit] * 1024), "T")
    return f"{size_bytes / _BYTES[unit]:.1f} {unit}iB"
