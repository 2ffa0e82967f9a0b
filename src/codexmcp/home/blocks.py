"""Managed blocks: parts of a text file owned by codexmcp, enclosed in two marker lines.

Pure text functions with three laws: applying twice equals applying once; every byte outside the
block stays, including line endings, a missing final newline and a byte order mark; removing undoes
applying exactly. Faulty markers raise a `BlockError`; nothing is guessed.
"""

from __future__ import annotations

import re
from enum import Enum

from codexmcp.errors import UsageError
from codexmcp.home.block_markers import BOM, NAME, BlockError, Style, blocks, find, line_of

__all__ = ["BlockError", "BlockPosition", "Style", "apply", "names", "read", "remove"]


class BlockPosition(Enum):
    """The position of a new block. An existing block keeps its position."""

    START = "start"
    """Before everything except `#:` lines (schema directives for editors)."""
    END = "end"


def apply(
    text: str, name: str, body: str, style: Style, place: BlockPosition = BlockPosition.END
) -> str:
    """Return the text with the block inserted or replaced.

    Args:
        text: The whole file with its original line endings.
        name: The block's name.
        body: Lines of the block; their endings become those of the file.
        style: The file's comment syntax.
        place: The position of a new block.

    Raises:
        BlockError: Markers in the text or the body are broken.
        UsageError: The name is not a valid block name.
    """
    lines = _body_lines(name, body, style)
    found = find(text, name, style)
    if found is not None:
        newline = _newline_before(text, found.inner)
        return text[: found.start] + _written(name, lines, newline, style) + text[found.stop :]
    newline = _newline(text, style)
    block = _written(name, lines, newline, style)
    at = _start(text) if place is BlockPosition.START else len(text)
    if at == len(text) and text not in {"", BOM} and not text.endswith("\n"):
        # A missing newline after the block marks the newline before the block as ours.
        return text + newline + block
    return text[:at] + block + newline + text[at:]


def remove(text: str, name: str, style: Style) -> str:
    """Return the text as it was before the block, or unchanged if the block is absent.

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
    r"""Return the body of a block, its lines terminated by `\n`; None if absent.

    Raises:
        BlockError: Markers in the text are broken.
    """
    found = find(text, name, style)
    return None if found is None else _plain(text[found.inner : found.inner_stop])


def names(text: str, style: Style) -> list[str]:
    """Return the names of all blocks in file order.

    Raises:
        BlockError: Markers in the text are broken.
    """
    return [block.name for block in blocks(text, style)]


def _start(text: str) -> int:
    begin = len(BOM) if text.startswith(BOM) else 0
    directives = re.compile(r"(?:#:[^\n]*(?:\n|\Z))*").match(text, begin)
    return directives.end() if directives else begin


def _newline(text: str, style: Style) -> str:
    """Return the line ending of another block, since text before a block may be the owner's."""
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
            f"invalid block name {name!r}: use letters, digits and `.`, `_`, `-`, `:` or `/`"
        )
    marker = style.loose.search(body)
    if marker is not None:
        raise BlockError(
            line_of(body, marker.start()),
            f"the text for block {name!r} contains a marker ({marker['words'].strip()!r}); remove "
            "that line",
        )
    return _plain(body).split("\n")[:-1]


def _plain(body: str) -> str:
    lines = [line.rstrip("\r") for line in body.removesuffix("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if body else ""
