"""Remaining marker lines of a block, and whether Codex can have dropped the others.

Pure. Codex drops a marker only with the comments above a table of an MCP server. A marker missing
elsewhere, or a seal without its marker, proves a deletion by hand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from codexmcp.data_classes import dataclass
from codexmcp.home.block_markers import BOM, lines_of
from codexmcp.home.block_seal import seal
from codexmcp.home.codex_trace import SERVERS
from codexmcp.home.toml_blocks import TOP, split
from codexmcp.home.toml_lines import statements


@dataclass(frozen=True, slots=True)
class Trace:
    """Codex's remains of a block.

    Attributes:
        text: The text without the block's markers and its keys.
        tables: The tables of its body.
        has_both_markers: Both markers around the tables remain.
    """

    text: str
    tables: str
    has_both_markers: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class _Part:
    """The remaining markers of a part of a block; None for a missing marker."""

    body: str
    begin: _Mark | None
    end: _Mark | None

    @property
    def begins_with_server(self) -> bool:
        """True if Codex drops the begin marker with the comments above the first table."""
        first = next(statements(self.body), None)
        return first is not None and first.path[0] == SERVERS


def trace_of(text: str, name: str, body: str, *, is_rewritten: bool) -> Trace | None:
    r"""Return the remains of a block; None if Codex cannot have left them.

    Args:
        text: The whole file, valid TOML.
        name: The block's name.
        body: The deployed body, its lines terminated by `\n`.
        is_rewritten: Other markers prove a rewrite by Codex.
    """
    keys, tables = split(body)
    top, main = _part(text, name + TOP, keys), _part(text, name, tables)
    if top is None or main is None:
        return None
    cut_top, cut_main = _cut_keys(text, top), _cut_tables(text, main)
    if cut_top is None or cut_main is None:
        return None
    has_end = main.end is not None or not tables or is_rewritten or _ends_at_server(text, tables)
    if not has_end:
        return None
    if main.begin is None and main.end is None and tables and not _is_there(text, tables):
        return None
    cuts = sorted((*cut_top, *cut_main), key=lambda cut: cut.start, reverse=True)
    for cut in cuts:
        text = text[: cut.start] + _gap(text, cut) + text[cut.stop :]
    return Trace(text, tables, main.begin is not None and main.end is not None)


def plain_body(body: str) -> str:
    r"""Return a body as in a block: no byte order mark, every line terminated by `\n`."""
    body = body.removeprefix(BOM).replace("\r\n", "\n")
    return body if not body or body.endswith("\n") else f"{body}\n"


def _part(text: str, name: str, body: str) -> _Part | None:
    """Return the markers of a part; None for doubled or unordered markers."""
    line = r"(?:^|(?<=\A\ufeff))# {0} codexmcp: {1} {0}[ \t]*\r?(?:\n|\Z)"
    begins, ends = (
        [
            _Mark(found.start(), found.end())
            for found in re.finditer(
                line.replace("{0}", arrows).replace("{1}", re.escape(name)), text, re.MULTILINE
            )
        ]
        for arrows in (">>>", "<<<")
    )
    if len(begins) > 1 or len(ends) > 1 or ((begins or ends) and not body):
        return None
    if begins and ends and ends[0].start < begins[0].start:
        return None
    return _Part(body, begins[0] if begins else None, ends[0] if ends else None)


def _cut_keys(text: str, part: _Part) -> Sequence[_Mark] | None:
    if not part.body:
        return ()
    if part.begin is None:
        return None
    stop = _past(text, part.begin.stop, seal(part.body) + part.body)
    if stop is None:
        return None
    if part.end is None:
        below = next(statements(text[stop:]), None)
        is_dropped = below is not None and below.path[0] == SERVERS
        return (_Mark(part.begin.start, stop),) if is_dropped else None
    is_whole = not text[stop : part.end.start].strip()
    return (_Mark(part.begin.start, part.end.stop),) if is_whole else None


def _cut_tables(text: str, part: _Part) -> Sequence[_Mark] | None:
    if not part.body:
        return ()
    ends = () if part.end is None else (part.end,)
    sealed = seal(part.body)
    if part.begin is None:
        return ends if part.begins_with_server and sealed.rstrip("\n") not in text else None
    stop = _past(text, part.begin.stop, sealed)
    return None if stop is None else (_Mark(part.begin.start, stop), *ends)


def _past(text: str, at: int, wanted: str) -> int | None:
    """Return the end of the expected lines at an offset, ignoring empty lines; otherwise None."""
    lines = [line.rstrip() for line in wanted.splitlines() if line.strip()]
    for line in lines_of(text[at:]):
        if not lines:
            break
        if line.strip() and line.rstrip() != lines.pop(0):
            return None
        at += len(line)
    return None if lines else at


def _ends_at_server(text: str, tables: str) -> bool:
    """Return True if another MCP server's table directly follows our last table."""
    units = {each.path for each in statements(tables)}
    every = [each.path for each in statements(text)]
    last = max((at for at, path in enumerate(every) if path in units), default=None)
    below = None if last is None or last + 1 == len(every) else every[last + 1]
    return below is not None and below[0] == SERVERS


def _is_there(text: str, tables: str) -> bool:
    units = {each.path for each in statements(tables)}
    return any(each.path in units for each in statements(text))


def _gap(text: str, cut: _Mark) -> str:
    """Return a separator between the owner's comment above a marker and the text below."""
    above = text[text.rfind("\n", 0, max(cut.start - 1, 0)) + 1 : cut.start]
    return "\n" if above.lstrip().startswith("#") else ""
