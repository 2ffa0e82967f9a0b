"""Positions of the tables and keys of a TOML text.

Pure. For text accepted by `tomllib`, which gives the meaning; this module adds the lines.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from enum import Enum
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.home.block_markers import BOM, BlockError, line_of

# The parts of a statement relevant for its end. Up to two quotes of the text may precede a closing
# `\"""`.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"""(?:"{0,2})'
    r"|'''(?:[^']|'{1,2}(?!'))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]"
)
_PART = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*(\.)?""")
# Nearly every statement is a single line without multi-line values.
_LINE = re.compile(
    r"""(?:\[[^\n"'\[\]{}#]*(?:"[^"\\\n]*")?\]|[^\n"'\[\]{}#]+(?:"[^"\\\n]*")?)[ \t\r]*\n"""
)
_BLANK = re.compile(r"(?:[ \t\r\n]|\#[^\n]*)*")


class LineKind(Enum):
    """The kind of a statement."""

    KEY = "key"
    TABLE = "table"
    ARRAY = "array of tables"


@dataclass(frozen=True, slots=True)
class Statement:
    """A key with its value, or a table header.

    Attributes:
        kind: The kind.
        path: The names from the root, with the open table before a key.
        start: Offset of the statement.
        dotted: The tables implied by the dots in a key.
    """

    kind: LineKind
    path: tuple[str, ...]
    start: int
    dotted: tuple[tuple[str, ...], ...] = ()

    @property
    def told(self) -> str:
        """The form for people: `[a.b]`, or `a.b`."""
        path = ".".join(self.path)
        return path if self.kind is LineKind.KEY else f"[{path}]"


def parse(text: str) -> dict[str, Any]:
    """Return a decoded TOML text. Floats stay text, for exact comparison.

    Raises:
        BlockError: The text is not valid TOML.
    """
    try:
        return tomllib.loads(text.removeprefix(BOM), parse_float=str)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        problem = message[: at.start()] if at else message
        raise BlockError(line, f"invalid TOML: {problem}; correct that line") from None
    except RecursionError:
        raise BlockError(1, "TOML nested too deep to parse; simplify it") from None


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a valid TOML text in file order."""
    table: tuple[str, ...] = ()
    for start in _starts(text):
        if text[start] != "[":
            path = table + _path(text, start)
            dotted = tuple(path[:size] for size in range(len(table) + 1, len(path)))
            yield Statement(LineKind.KEY, path, start, dotted)
            continue
        is_array = text.startswith("[[", start)
        table = _path(text, start + (2 if is_array else 1))
        yield Statement(LineKind.ARRAY if is_array else LineKind.TABLE, table, start)


def statement_line(text: str, statement: Statement) -> int:
    """Return the line number, from 1, of a statement."""
    return line_of(text, statement.start)


def has_comment(text: str) -> bool:
    """Return True if a text of whole statements has a comment."""
    return any(token[0].startswith("#") for token in _TOKEN.finditer(text))


def _starts(text: str) -> Iterator[int]:
    at = len(BOM) if text.startswith(BOM) else 0
    while True:
        blank = _BLANK.match(text, at)
        at = blank.end() if blank else at
        if at >= len(text):
            return
        yield at
        at = _end(text, at)


def _end(text: str, start: int) -> int:
    """Return the end of the last line of a statement."""
    line = _LINE.match(text, start)
    if line:
        return line.end()
    depth = 0
    for token in _TOKEN.finditer(text, start):
        first = token[0]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        elif first == "\n" and depth == 0:
            return token.end()
    return len(text)


def _path(text: str, at: int) -> tuple[str, ...]:
    parts: list[str] = []
    while part := _PART.match(text, at):
        name = part[1]
        if "\\" in name and name.startswith('"'):
            name = str(tomllib.loads(f"x = {name}")["x"])
        elif name[0] in "\"'":
            name = name[1:-1]
        parts.append(name)
        at = part.end()
        if not part[2]:
            break
    return tuple(parts)
