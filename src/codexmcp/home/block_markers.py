"""The marker lines around managed blocks, and the positions of blocks in a text.

Pure. Broken, doubled, nested or unpaired markers raise a `BlockError` with the line; nothing is
guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
BOM = "\ufeff"
"""The byte order mark of files saved by editors on Windows."""


class BlockError(ConfigurationError):
    """A file's managed blocks are unreadable or cannot be changed.

    Args:
        line: The faulty line, from 1.
        problem: The fault and its remedy; the caller prepends the file.
    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class Style(Enum):
    """The comment syntax of a kind of file: text before and after the comment."""

    HASH = ("# ", "")
    MARKDOWN = ("<!-- ", " -->")

    def marker(self, arrows: str, name: str) -> str:
        """Return a marker line without its line ending."""
        before, after = self.value
        return f"{before}{arrows} codexmcp: {name} {arrows}{after}"

    @property
    def exact(self) -> re.Pattern[str]:
        """The pattern of an intact marker."""
        before, after = map(re.escape, self.value)
        return re.compile(
            rf"{before}(?P<arrows>>>>|<<<) codexmcp: (?P<name>{NAME.pattern}) (?P=arrows){after}"
        )

    @property
    def loose(self) -> re.Pattern[str]:
        """The pattern of an intact or edited marker."""
        opener = re.escape(self.value[0].strip())
        words = rf"[ \t]*{opener}[ \t]*(?:>>>|<<<)[ \t]*codexmcp\b[^\n]*"
        return re.compile(rf"^{BOM}?(?P<words>{words})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A block found in a text.

    Attributes:
        name: The name in its markers.
        start: Offset of the begin marker.
        inner: Offset of the body.
        inner_stop: End of the body.
        stop: End of the end marker, before its line ending.
        line: The line of the begin marker, from 1.
    """

    name: str
    start: int
    inner: int
    inner_stop: int
    stop: int
    line: int


def find(text: str, name: str, style: Style) -> Block | None:
    """Return the position of a block, or None if absent.

    Raises:
        BlockError: Markers in the text are broken.
    """
    return next((block for block in blocks(text, style) if block.name == name), None)


def blocks(text: str, style: Style) -> list[Block]:
    """Return the positions of all blocks.

    Raises:
        BlockError: A marker is broken, doubled, nested or unpaired.
    """
    found: dict[str, Block] = {}
    opened: _Marker | None = None
    for marker in _markers(text, style):
        if marker.opens:
            if opened is not None:
                raise BlockError(
                    marker.line,
                    f"block {marker.name!r} begins inside block {opened.name!r} of line "
                    f"{opened.line}, whose end marker is missing or misplaced; put it before",
                )
            if marker.name in found:
                first = found[marker.name].line
                raise BlockError(
                    marker.line,
                    f"block {marker.name!r} is there twice, first in line {first}; "
                    "delete one of the two with its markers",
                )
            opened = marker
            continue
        if opened is None or opened.name != marker.name:
            raise BlockError(
                marker.line,
                f"the end marker of block {marker.name!r} has no begin marker before it; delete "
                f"it, or write `{style.marker('>>>', marker.name)}` where the block begins",
            )
        found[marker.name] = _block(text, opened, marker)
        opened = None
    if opened is not None:
        raise BlockError(
            opened.line,
            f"block {opened.name!r} has no end marker; write "
            f"`{style.marker('<<<', opened.name)}` where it ends, or delete its begin marker",
        )
    return list(found.values())


def line_of(text: str, at: int) -> int:
    """Return the line number, from 1, of an offset."""
    return text.count("\n", 0, at) + 1


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str
    opens: bool
    start: int
    stop: int
    line: int


def _markers(text: str, style: Style) -> Iterator[_Marker]:
    if "codexmcp" not in text:
        return
    exact = style.exact
    line, counted = 1, 0
    for found in style.loose.finditer(text):
        start = found.start("words")
        line, counted = line + text.count("\n", counted, start), start
        words = found["words"].rstrip(" \t\r")
        marker = exact.fullmatch(words)
        if marker is None:
            raise BlockError(
                line,
                f"{words.strip()!r} is a broken marker; a block begins with "
                f"`{style.marker('>>>', 'NAME')}` and ends with `{style.marker('<<<', 'NAME')}`",
            )
        opens = marker["arrows"] == ">>>"
        yield _Marker(marker["name"], opens, start, start + len(words), line)


def _block(text: str, opened: _Marker, closed: _Marker) -> Block:
    inner = text.index("\n", opened.stop) + 1
    return Block(opened.name, opened.start, inner, closed.start, closed.stop, opened.line)


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text with their endings; only `\n` ends a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
