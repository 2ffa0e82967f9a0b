"""Repair of a block in `config.toml` after Codex rewrote its tables.

Pure. Source: `codex mcp add` and `codex mcp remove` rewrite all tables of MCP servers at the
position of the first, and drop the comments in and above them, including markers; default values
disappear, and whole seconds get a decimal point (measured on 0.153.4, 0.163.0 and 0.169.0). Any
other difference is an edit by the user, and not repaired.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from codexmcp.home.block_markers import BOM, BlockError, Style, find
from codexmcp.home.codex_trace import SERVERS, may_be_rewritten
from codexmcp.home.sync.block_remains import Trace, plain_body, trace_of
from codexmcp.home.toml_blocks import TOP, is_edited, split
from codexmcp.home.toml_lines import LineKind, statements
from codexmcp.home.toml_sections import Section, sections, without
from codexmcp.jsonvalues import dig, is_object, object_of

_Path = tuple[str, ...]


def repaired(text: str, name: str, body: str, *, is_rewritten: bool = False) -> str | None:
    """Return a text without a block that lost markers or tables, ready for a new block.

    Args:
        text: The whole file.
        name: The block's name.
        body: The deployed body.
        is_rewritten: Other markers prove a rewrite by Codex.

    Returns:
        None for an intact block, or for a block edited by a user.
    """
    body = plain_body(body)
    if _is_whole(text, name, body) or not may_be_rewritten(text):
        return None
    trace = trace_of(text, name, body, is_rewritten=is_rewritten)
    if trace is None:
        return None
    kept = _extras(trace)
    if kept is None:
        return None

    def is_ours(path: _Path) -> bool:
        return any(
            path[: len(unit)] == unit and not (path[len(unit) :][:1] and path[len(unit)] in extra)
            for unit, extra in kept.items()
        )

    found = sections(trace.text, is_ours)
    every = sections(trace.tables, lambda _: True)
    if _kept_as_is(trace.text, found) != _kept_as_is(trace.tables, every):
        return None
    result = without(trace.text, found)
    expected = _loaded(trace.text)
    for unit, tables in kept.items():
        expected = _less(expected, unit, tables)
    try:
        return result if _pruned(_loaded(result)) == _pruned(expected) else None
    except tomllib.TOMLDecodeError:
        return None


def _extras(trace: Trace) -> dict[_Path, frozenset[str]] | None:
    """Return additions to the block's tables; None for edited tables."""
    meaning, ours = _loaded(trace.text), _loaded(trace.tables)
    kept: dict[_Path, frozenset[str]] = {}
    for unit in _units(trace.tables):
        there, mine = dig(meaning, *unit), dig(ours, *unit)
        # `codex mcp remove` has the same result as a table deleted by hand between our markers.
        may_go = unit[0] == SERVERS and (not trace.has_both_markers or mine == {})
        if not (there is None and may_go) and not _is_left_of(there, mine):
            return None
        kept[unit] = frozenset(object_of(there).keys() - object_of(mine).keys())
    return kept


def _is_whole(text: str, name: str, body: str) -> bool:
    parts = [part for part, lines in zip((name + TOP, name), split(body), strict=True) if lines]
    try:
        is_there = all(find(text, part, Style.HASH) for part in parts)
        return is_there and not is_edited(text, name)
    except BlockError:
        return False


def _loaded(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix(BOM))


def _kept_as_is(text: str, found: Sequence[Section]) -> list[list[str]]:
    """Return the lines of the sections not rewritten by Codex, without empty lines."""
    return [
        [line.rstrip() for line in text[each.start : each.stop].splitlines() if line.strip()]
        for each in found
        if each.head.path[0] != SERVERS
    ]


def _units(body: str) -> list[_Path]:
    """Return the tables of a body, and its top-level keys."""
    units: list[_Path] = []
    for each in statements(body):
        if each.kind is not LineKind.KEY or not any(
            each.path[: len(unit)] == unit for unit in units
        ):
            units.append(each.path)
    return list(dict.fromkeys(units))


def _is_left_of(there: object, mine: object) -> bool:
    """Return True if a value equals ours without defaults; further tables are allowed."""
    if not is_object(there) or not is_object(mine):
        return there == mine
    gone = ((name, value) for name, value in mine.items() if name not in there)
    return all(_is_default(name, value) for name, value in gone) and all(
        _is_left_of(value, mine[name]) if name in mine else is_object(value)
        for name, value in there.items()
    )


def _is_default(name: str, value: object) -> bool:
    """Return True for keys omitted by Codex: `enabled = true`, `required = false`, `[]`, `{}`."""
    return value is (name == "enabled") or value in ([], {})


def _less(whole: Mapping[str, Any], path: _Path, extra: frozenset[str]) -> dict[str, Any]:
    """Return settings without the value at a path, except its additional tables."""
    first, *rest = path
    there = whole.get(first)
    left = {name: value for name, value in whole.items() if name != first}
    if rest and is_object(there):
        left[first] = _less(there, tuple(rest), extra)
    elif is_object(there):
        left[first] = {name: value for name, value in there.items() if name in extra}
    return left


def _pruned(value: object) -> object:
    """Return a value without empty tables."""
    if not is_object(value):
        return value
    pruned = {name: _pruned(each) for name, each in value.items()}
    return {name: each for name, each in pruned.items() if each != {}}
