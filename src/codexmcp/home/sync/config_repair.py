"""What is left of a block in `config.toml` after Codex has written the tables in it anew.

Pure. Source: `codex mcp add` and `codex mcp remove` write all tables of MCP servers anew, where the
first one stood, and drop the comments in and above them, markers included; defaults go, and whole
numbers of seconds get a point (measured on 0.153.4, 0.163.0 and 0.169.0).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from codexmcp.home.block_markers import BOM, BlockError, Style, find
from codexmcp.home.block_seal import SEAL
from codexmcp.home.toml_blocks import TOP, is_edited
from codexmcp.home.toml_lines import Kind, statements
from codexmcp.home.toml_sections import sections, without
from codexmcp.jsonvalues import dig, is_object, object_of

_Path = tuple[str, ...]


def repaired(text: str, name: str, body: str) -> str | None:
    """Return a text without a block that has lost markers or tables, ready for a new one.

    Args:
        text: The whole file.
        name: The block's name.
        body: What was deployed in it.

    Returns:
        None when the block is whole, or when what is left of it says something that it did not:
        then somebody has changed it.
    """
    if _is_whole(text, name):
        return None
    plain = _without_markers(text, name)
    try:
        meaning, ours = _loaded(plain), _loaded(body)
    except tomllib.TOMLDecodeError:
        return None
    units = _units(body)
    kept: dict[_Path, frozenset[str]] = {}
    for unit in units:
        there, mine = dig(meaning, *unit), dig(ours, *unit)
        if not _is_left_of(there, mine):
            return None
        kept[unit] = frozenset(object_of(there).keys() - object_of(mine).keys())

    def is_ours(path: _Path) -> bool:
        return any(
            path[: len(unit)] == unit and not (path[len(unit) :][:1] and path[len(unit)] in extra)
            for unit, extra in kept.items()
        )

    result = without(plain, sections(plain, is_ours))
    expected = meaning
    for unit, tables in kept.items():
        expected = _less(expected, unit, tables)
    try:
        return result if _pruned(_loaded(result)) == _pruned(expected) else None
    except tomllib.TOMLDecodeError:
        return None


def _is_whole(text: str, name: str) -> bool:
    try:
        is_there = any(find(text, part, Style.HASH) for part in (name, name + TOP))
        return is_there and not is_edited(text, name)
    except BlockError:
        return False


def _without_markers(text: str, name: str) -> str:
    part = f"{re.escape(name)}(?:{re.escape(TOP)})?"
    marker = rf"# (?P<arrows>>>>|<<<) codexmcp: {part} (?P=arrows)"
    line = re.compile(rf"^(?:{marker}|{SEAL.pattern})[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
    return line.sub("", text)


def _loaded(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix(BOM))


def _units(body: str) -> list[_Path]:
    """Return the tables of a body, and its keys of the top level."""
    units: list[_Path] = []
    for each in statements(body):
        if each.kind is not Kind.KEY or not any(each.path[: len(unit)] == unit for unit in units):
            units.append(each.path)
    return list(dict.fromkeys(units))


def _is_left_of(there: object, mine: object) -> bool:
    """Return whether a value says nothing but what ours did; it may say less, or have tables."""
    if there is None:
        return True
    if not is_object(there) or not is_object(mine):
        return there == mine
    return all(
        _is_left_of(value, mine[name]) if name in mine else is_object(value)
        for name, value in there.items()
    )


def _less(whole: Mapping[str, Any], path: _Path, extra: frozenset[str]) -> dict[str, Any]:
    """Return settings without what is at a path, apart from its extra tables."""
    first, *rest = path
    there = whole.get(first)
    left = {name: value for name, value in whole.items() if name != first}
    if rest and is_object(there):
        left[first] = _less(there, tuple(rest), extra)
    elif is_object(there):
        left[first] = {name: value for name, value in there.items() if name in extra}
    return left


def _pruned(value: object) -> object:
    """Return a value without the tables that are empty."""
    if not is_object(value):
        return value
    pruned = {name: _pruned(each) for name, each in value.items()}
    return {name: each for name, each in pruned.items() if each != {}}
