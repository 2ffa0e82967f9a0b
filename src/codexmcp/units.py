"""Durations, sizes, counts and days, from the texts that people write. Pure."""

from __future__ import annotations

import argparse
import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", re.IGNORECASE)


def duration(text: str) -> float:
    """Return the seconds of a duration such as `30d`, `12h` or `1h30m`.

    Raises:
        argparse.ArgumentTypeError: The text is no duration. A bare number has no unit.
    """
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90s, 12h or 30d")
    return sum(float(part[1]) * _SECONDS[part[2].lower()] for part in parts)


def seconds(text: str) -> float:
    """Return the seconds of `90`, `1.5`, `90s` or `10m`.

    Raises:
        argparse.ArgumentTypeError: The text is no number of seconds.
    """
    try:
        value = float(text)
    except ValueError:
        return duration(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def positive_seconds(text: str) -> float:
    """Return the seconds of a text, which must be above 0; see `seconds`."""
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def size(text: str) -> int:
    """Return the bytes of a size such as `500M` or `1G`, in powers of 1024.

    Raises:
        argparse.ArgumentTypeError: The text is no size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500M or 1G")
    return int(float(match[1]) * _BYTES[match[2].upper()])


def count(text: str) -> int:
    """Return a whole number of 1 or more.

    Raises:
        argparse.ArgumentTypeError: The text is no such number.
    """
    value = count_or_zero(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return value


def count_or_zero(text: str) -> int:
    """Return a whole number of 0 or more.

    Raises:
        argparse.ArgumentTypeError: The text is no such number.
    """
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
