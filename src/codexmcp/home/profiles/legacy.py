"""Convert profiles from before Codex 0.134 (tables of config.toml) into files.

Pure. Guarantees: the rest of config.toml stays byte for byte and keeps its meaning, each profile
keeps its meaning, and comments move along.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

import tomlkit

from codexmcp.data_classes import dataclass
from codexmcp.home.block_markers import BOM, BlockError, Style, blocks
from codexmcp.home.toml_lines import LineKind, Statement, parse, statement_line, statements
from codexmcp.home.toml_sections import Section, is_toml, sections, statement_end, without
from codexmcp.jsonvalues import is_object, object_of

Obstacle = Callable[[str, str], str | None]
"""Returns the obstacle to a file for a profile (name, text); None without an obstacle."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The result of moving the profiles out of a config.toml.

    Attributes:
        config: The text without the moved profiles.
        profiles: The text of each moved profile.
        default: The value of `profile =`; None if absent.
        left: The reasons for the remaining profiles, each with its line.
    """

    config: str
    profiles: Mapping[str, str]
    default: str | None
    left: tuple[BlockError, ...] = ()


def migrated(text: str, obstacle: Obstacle = lambda _name, _text: None) -> Migration:
    """Move the profiles out of a config.toml; unsuitable profiles stay.

    Args:
        text: The text of config.toml.
        obstacle: Returns the obstacle to a file for a profile.

    Raises:
        BlockError: Invalid TOML, or profiles that cannot be separated; names the line.
    """
    before = parse(text)
    profiles = before.get("profiles")
    found = sections(text, _is_legacy)
    names = {section: _names(text, section, object_of(profiles)) for section in found}
    tables = [name for name, value in object_of(profiles).items() if is_object(value)]
    texts = {name: _profile(text, found, name) for name in tables}
    against = {name: told for name, own in texts.items() if (told := obstacle(name, own))}
    left = {
        section: told
        for section in found
        if (told := _strange(text, section, before))
        or (told := next((against[name] for name in names[section] if name in against), None))
    }
    # A remaining profile keeps all of its tables, a remaining statement all of its profiles.
    stay = {name for section in left for name in names[section]} | against.keys()
    stay |= {name for each in names.values() if stay & each for name in each}
    taken = [each for each in found if each not in left and not stay & names[each]]
    result = Migration(
        config=without(text, taken),
        profiles={name: own for name, own in texts.items() if name not in stay},
        default=before["profile"] if isinstance(before.get("profile"), str) else None,
        left=_errors(text, left),
    )
    _prove(text, result, taken)
    return result


def _is_legacy(path: tuple[str, ...]) -> bool:
    return path[0] == "profiles" or path == ("profile",)


def _names(text: str, section: Section, profiles: Mapping[str, Any]) -> set[str]:
    """Return the profiles affected by a section."""
    inside = (each for each in statements(text) if section.start <= each.start < section.stop)
    paths = [each.path for each in inside if each.path[0] == "profiles"]
    is_inline = section.head.kind is LineKind.KEY and ("profiles",) in paths
    return set(profiles) if is_inline else {path[1] for path in paths if len(path) > 1}


def _strange(text: str, section: Section, values: Mapping[str, Any]) -> str | None:
    """Return the obstacle to moving a section; None without an obstacle."""
    head = section.head
    block = next((e for e in blocks(text, Style.HASH) if e.start <= head.start < e.stop), None)
    if block is not None:
        return (
            f"`{head.told}` is part of the managed block {block.name!r}; remove it from the source "
            "of the block, and deploy that first"
        )
    if head.path == ("profile",):
        is_text = isinstance(values["profile"], str)
        return None if is_text else "`profile` is not the name of a profile; remove it"
    profiles = values["profiles"]
    names = _names(text, section, object_of(profiles))
    is_good = is_object(profiles) and all(is_object(profiles[name]) for name in names)
    return None if is_good else f"`{head.told}` is not a table of settings; remove it"


def _errors(text: str, left: Mapping[Section, str]) -> tuple[BlockError, ...]:
    """Return each reason once, with its first line."""
    first = dict[str, Section]()
    for section, told in left.items():
        first.setdefault(told, section)
    return tuple(BlockError(statement_line(text, each.head), told) for told, each in first.items())


def _profile(text: str, found: list[Section], name: str) -> str:
    """Return a profile's own text: first its keys, then its tables."""
    own = [
        each
        for each in found
        if each.head.kind is not LineKind.KEY and each.head.path[:_OWN] == ("profiles", name)
    ]
    lines = "".join(
        _lines(text, each) for each in sorted(own, key=lambda each: len(each.head.path) > _OWN)
    )
    lines = lines.replace("\r\n", "\n")
    values = tomllib.loads(text.removeprefix(BOM))["profiles"][name]
    if is_toml(lines) and tomllib.loads(lines) == values:
        return lines
    # Written as keys of other tables: only the meaning can be kept.
    return tomlkit.dumps(values)


_OWN = len(("profiles", "name"))
"""Names in the path of a profile's own table."""


def _lines(text: str, section: Section) -> str:
    """Return a profile's table in the form for the profile's file."""
    head = section.head
    line_end = statement_end(text, head.start)
    comments = text[section.start : head.start].rstrip(" \t")
    head_line = _head(text[head.start : line_end], head)
    rest = text[line_end : section.stop]
    gap = "\n" if len(head.path) > _OWN else ""
    lines = gap + comments + head_line + rest
    return lines if not lines or lines.endswith("\n") else f"{lines}\n"


def _head(line: str, head: Statement) -> str:
    """Return a table header without `profiles.NAME`, and its trailing comment."""
    size = next(
        size for size in range(1, len(line) + 1) if line[size - 1] == "]" and is_toml(line[:size])
    )
    comment = line[size:].strip()
    path = ".".join(tomlkit.key(part).as_string() for part in head.path[_OWN:])
    shown = f"[[{path}]]" if head.kind is LineKind.ARRAY else f"[{path}]"
    parts = [shown if path else "", comment]
    told = "  ".join(part for part in parts if part)
    return f"{told}\n" if told else ""


def _prove(text: str, result: Migration, taken: list[Section]) -> None:
    before, after = parse(text), parse(result.config)
    profiles = object_of(before.get("profiles"))
    same = all(parse(own) == profiles.pop(name) for name, own in result.profiles.items())
    if any(section.head.path == ("profile",) for section in taken):
        del before["profile"]
    for values in (before, after):
        if values.get("profiles") == {}:
            del values["profiles"]
    if not same or after != before:
        raise BlockError(
            1, "the profiles cannot be separated from other settings; move them by hand"
        )
