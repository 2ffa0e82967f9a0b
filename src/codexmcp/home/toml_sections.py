"""Removal of tables and keys from a TOML text, with their comments.

Pure. For text accepted by `tomllib`. The rest of the text stays byte for byte.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable

from codexmcp.data_classes import dataclass, replace
from codexmcp.home.block_markers import BOM, Style
from codexmcp.home.toml_lines import LineKind, Statement, statements


@dataclass(frozen=True, slots=True)
class Section:
    """Lines to remove.

    Attributes:
        head: The table header, or a key outside such tables.
        start: The offset of the lines, including the comments directly above a header.
        stop: The end of the last statement.
    """

    head: Statement
    start: int
    stop: int


def sections(text: str, is_wanted: Callable[[tuple[str, ...]], bool]) -> list[Section]:
    """Return the positions of selected tables and keys.

    Args:
        text: Valid TOML.
        is_wanted: Selects statements by path.
    """
    found: list[Section] = []
    is_open = False
    for each in statements(text):
        if not is_wanted(each.path):
            is_open = False
        elif each.kind is LineKind.KEY and is_open:
            found[-1] = replace(found[-1], stop=statement_end(text, each.start))
        else:
            is_open = each.kind is not LineKind.KEY
            found.append(Section(each, _start(text, each), statement_end(text, each.start)))
    return found


def without(text: str, taken: Iterable[Section]) -> str:
    """Return a text without the given sections, in file order."""
    kept = ""
    at = 0
    for section in taken:
        kept += text[at : section.start]
        at = section.stop
        # Otherwise two empty lines would remain, before and after the table.
        if not kept.strip(BOM) or kept.endswith(("\n\n", "\n\r\n")):
            while blank := re.compile(r"\r?\n").match(text, at):
                at = blank.end()
    return kept + text[at:]


def statement_end(text: str, start: int) -> int:
    """Return the end of the last line of a statement.

    Args:
        text: Valid TOML.
        start: The offset of the statement.
    """
    at = start
    while at < len(text):
        found = text.find("\n", at)
        at = len(text) if found < 0 else found + 1
        if is_toml(text[start:at]):
            break
    return at


def is_toml(text: str) -> bool:
    """Return True for valid TOML."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _start(text: str, head: Statement) -> int:
    start = text.rfind("\n", 0, head.start) + 1
    if start == 0:
        return len(BOM) if text.startswith(BOM) else 0
    # Comments above a key may belong to the following lines, so they stay.
    while head.kind is not LineKind.KEY and start:
        above = text.rfind("\n", 0, start - 1) + 1
        line = text[above:start]
        # The end marker of a managed block is part of the block.
        if above == 0 or not line.lstrip().startswith("#") or Style.HASH.loose.match(line):
            break
        start = above
    return start
