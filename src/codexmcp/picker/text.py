"""Foreign text, cleaned and fitted to cells of the screen.

Pure. Promises: clean text cannot control a terminal, and fitted text has the exact width.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"

# Whole sequences are removed, without visible remains. `_visible` removes all other control
# characters.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, …
    r"|\x1b[ -/]*[0-~]"
)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Characters that join or widen the previous character, on some terminals only.
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u20e3")
_MAX_MARKS = 2


def clean(text: str) -> str:
    """Return text as a single line without control of a terminal or its layout."""
    return " ".join(_visible(_SEQUENCE.sub("", text)).split())


def clean_lines(text: str) -> list[str]:
    """Return text as clean lines, with spaces unchanged; see `clean`."""
    lines = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\t", "    ").split("\n")
    return [_visible(line).rstrip() for line in lines]


def fit(text: str, width: int) -> str:
    """Return clean text of an exact width in cells: cut with an ellipsis, or filled with spaces."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ELLIPSIS


def wrap(line: str, width: int) -> list[str]:
    """Return a clean line in pieces of at most `width` cells, broken at spaces if possible."""
    pieces: list[str] = []
    while cell_len(line) > width:
        cut = _cut(line, width)
        space = line.rfind(" ", 0, cut + 1)
        at = space if space > cut // 2 else cut
        pieces.append(line[:at].rstrip())
        line = line[at:].lstrip(" ")
    return [*pieces, line]


def _cut(line: str, width: int) -> int:
    """Return the number of fitting characters, at least 1."""
    cells = 0
    for index, character in enumerate(line):
        cells += cell_len(character)
        if cells > width:
            return max(1, index)
    return len(line)


def _visible(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(_kept(text))


def _kept(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        kind = _category(character)
        if character.isspace():
            yield " "
        elif kind not in _UNSEEN and character not in _JOINERS:
            # Many marks on a letter would reach into other lines.
            marks = marks + 1 if kind in {"Mn", "Me"} else 0
            if marks <= _MAX_MARKS:
                yield character


@lru_cache(maxsize=4096)
def _category(character: str) -> str:
    return unicodedata.category(character)
