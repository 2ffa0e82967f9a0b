"""Managed blocks: the parts of a text file that are ours, between two marker lines.

Pure text functions. Promises three laws: applying twice is applying once; every byte outside the
block stays, line endings, a missing final newline and a byte order mark included; removing undoes
applying exactly. What is wrong with markers is a `BlockError`, and nothing is guessed.
"""

from __future__ import annotations

import re
from enum import Enum

from codexmcp.errors import UsageError
from codexmcp.home.block_markers import BOM, NAME, BlockError, Style, blocks, find, line_of

__all__ = ["BlockError", "Place", "Style", "apply", "names", "read", "remove"]


class Place(Enum):
    """Where a new block goes. One that is there already stays where it is."""

    START = "start"
    """Before everything but `#:` lines, which tell editors the schema of the file."""
    END = "end"


def apply(text: str, name: str, body: str, style: Style, place: Place = Place.END) -> str:
    """Return the text with the block in it, new or in the place of the old one.

    Args:
        text: The whole file, line endings as they are.
        name: The block's name.
        body: Its lines; their endings become those of the file.
        style: How the file writes comments.
        place: Where a new block goes.

    Raises:
        BlockError: Markers in the text or the body are broken.
        UsageError: The name cannot name a block.
    """
    lines = _body_lines(name, body, style)
    found = find(text, name, style)
    if found is not None:
        newline = _newline_before(text, found.inner)
        return text[: found.start] + _written(name, lines, newline, style) + text[found.stop :]
    newline = _newline(text, style)
    block = _written(name, lines, newline, style)
    at = _start(text) if place is Place.START else len(text)
    if at == len(text) and text not in {"", BOM} and not text.endswith("\n"):
        # No newline after the block says that the one before it is ours.
        return text + newline + block
    return text[:at] + block + newline + text[at:]


def remove(text: str, name: str, style: Style) -> str:
    """Return the text without the block, as it was before; a text without it as it is.

    Raises:
        BlockError: Markers in the text are broken.
    """
    found = find(text, name, style)
    if found is None:
        return text
    before, after = text[: found.start], text[found.stop :]
    rest = re.match(r"[ \t\r]*\n?", after)
    ended = rest[0] if rest else ""
    if not ended.endswith("\n"):
        before = before.removesuffix(_newline_before(text, found.inner))
    return before + after[len(ended) :]


def read(text: str, name: str, style: Style) -> str | None:
    r"""Return the body of a block, its lines ended by `\n`; None when there is no such block.

    Raises:
        BlockError: Markers in the text are broken.
    """
    found = find(text, name, style)
    return None if found is None else _plain(text[found.inner : found.inner_stop])


def names(text: str, style: Style) -> list[str]:
    """Return the names of all blocks in their order.

    Raises:
        BlockError: Markers in the text are broken.
    """
    return [block.name for block in blocks(text, style)]


def _start(text: str) -> int:
    begin = len(BOM) if text.startswith(BOM) else 0
    directives = re.compile(r"(?:#:[^\n]*(?:\n|\Z))*").match(text, begin)
    return directives.end() if directives else begin


def _newline(text: str, style: Style) -> str:
    """Return how lines end: as in another block, as what is before one may be the owner's."""
    others = blocks(text, style)
    at = others[0].inner if others else text.find("\n") + 1
    return _newline_before(text, at)


def _newline_before(text: str, at: int) -> str:
    return "\r\n" if text[at - 2 : at] == "\r\n" else "\n"


def _written(name: str, lines: list[str], newline: str, style: Style) -> str:
    return newline.join([style.marker(">>>", name), *lines, style.marker("<<<", name)])


def _body_lines(name: str, body: str, style: Style) -> list[str]:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a block; use letters, digits and `.`, `_`, `-`, `:` or `/`"
        )
    marker = style.loose.search(body)
    if marker is not None:
        raise BlockError(
            line_of(body, marker.start()),
            f"what shall go into block {name!r} holds a marker ({marker['words'].strip()!r}); take "
            "it out",
        )
    return _plain(body).split("\n")[:-1]


def _plain(body: str) -> str:
    lines = [line.rstrip("\r") for line in body.removesuffix("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if body else ""
