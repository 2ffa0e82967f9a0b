"""Harmless text within the width of a terminal. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

_BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SIGN = "\N{REPLACEMENT CHARACTER}"


def harmless(text: str) -> str:
    """Return text without control characters except line ends and tabs."""
    return _STEERING.sub(_SIGN, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return text as one harmless line."""
    return harmless(" ".join(_BREAKING.sub(_as_space, text).split()))


def cut(text: str, width: int) -> str:
    """Return a line of at most this many columns, with a sign at the cut."""
    if columns(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        used += columns(character)
        if used > width - 1:
            break
        kept += character
    return f"{kept}…" if width > 0 else ""


def columns(text: str) -> int:
    """Return the number of columns of a line on a terminal.

    Source: Unicode Standard Annex #11; combining marks take no column.
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield rows of equal length as aligned lines; the last cell is cut to the width, if any."""
    fixed = [max(map(columns, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, last in rows:
        padded = [
            cell + " " * (size - columns(cell)) for cell, size in zip(cells, fixed, strict=True)
        ]
        start = "".join(f"{cell}  " for cell in padded)
        room = None if width is None else max(width - columns(start), 1)
        yield (start + (last if room is None else cut(last, room))).rstrip()


def indented(text: str, margin: str = "  ") -> str:
    """Return text with a margin before each of its lines."""
    return "\n".join(f"{margin}{line}".rstrip() for line in text.split("\n"))


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _as_space(found: re.Match[str]) -> str:
    return " " if found[0] in "\t\n\r\v\f\x85\u2028\u2029" else found[0]
