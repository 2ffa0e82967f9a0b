"""Takes tables and keys out of a TOML text, with the comments that belong to them.

Pure. For text that `tomllib` has accepted. Promises that what is not taken out stays byte for byte.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from codexmcp.home.block_markers import BOM
from codexmcp.home.toml_lines import Kind, Statement, statements


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that are to be taken out.

    Attributes:
        head: The table's head, or the key when it stands outside of such tables.
        start: Where the lines begin, the comments right above a head included.
        stop: Where the last statement ends.
    """

    head: Statement
    start: int
    stop: int


def sections(text: str, is_wanted: Callable[[tuple[str, ...]], bool]) -> list[Section]:
    """Return where certain tables and keys stand.

    Args:
        text: Valid TOML.
        is_wanted: Says it of the path of a statement.
    """
    found: list[Section] = []
    is_open = False
    for each in statements(text):
        if not is_wanted(each.path):
            is_open = False
        elif each.kind is Kind.KEY and is_open:
            found[-1] = replace(found[-1], stop=statement_end(text, each.start))
        else:
            is_open = each.kind is not Kind.KEY
            found.append(Section(each, _start(text, each), statement_end(text, each.start)))
    return found


def without(text: str, taken: Iterable[Section]) -> str:
    """Return a text without sections; they come in their order."""
    kept = ""
    at = 0
    for section in taken:
        kept += text[at : section.start]
        at = section.stop
        # The empty line after a table would come to stand beside the one before it.
        if not kept.strip(BOM) or kept.endswith(("\n\n", "\n\r\n")):
            while blank := re.compile(r"\r?\n").match(text, at):
                at = blank.end()
    return kept + text[at:]


def statement_end(text: str, start: int) -> int:
    """Return where the line ends in which a statement ends.

    Args:
        text: Valid TOML.
        start: Where the statement begins.
    """
    at = start
    while at < len(text):
        found = text.find("\n", at)
        at = len(text) if found < 0 else found + 1
        if is_toml(text[start:at]):
            break
    return at


def is_toml(text: str) -> bool:
    """Return whether a text is valid TOML."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _start(text: str, head: Statement) -> int:
    start = text.rfind("\n", 0, head.start) + 1
    if start == 0:
        return len(BOM) if text.startswith(BOM) else 0
    # Comments above a key may be about what follows, so they stay.
    while head.kind is not Kind.KEY and start:
        above = text.rfind("\n", 0, start - 1) + 1
        if above == 0 or not text[above:start].lstrip().startswith("#"):
            break
        start = above
    return start
