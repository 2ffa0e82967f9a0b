"""Turns profiles of before Codex 0.134, tables of config.toml, into the text of files.

Pure. Promises that what stays in config.toml is the same byte for byte and means the same, that
each profile means what its table meant, and that its comments come along.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit

from codexmcp.home.block_markers import BOM, BlockError, Style, blocks
from codexmcp.home.profiles.files import check_name
from codexmcp.home.toml_lines import Kind, Statement, parse, statement_line
from codexmcp.home.toml_sections import Section, is_toml, sections, statement_end, without
from codexmcp.jsonvalues import is_object


@dataclass(frozen=True, slots=True)
class Migration:
    """What becomes of a config.toml.

    Attributes:
        config: The text without profiles.
        profiles: The text of each profile.
        default: What `profile =` named; None without one.
    """

    config: str
    profiles: Mapping[str, str]
    default: str | None


def migrated(text: str) -> Migration:
    """Take the profiles out of a config.toml.

    Raises:
        BlockError: The text is no valid TOML, or a profile in it cannot be taken out; names the
            line.
        UsageError: Codex does not take the name of a profile any more.
    """
    before = parse(text)
    found = sections(text, _is_legacy)
    _refuse_strange(text, found, before)
    result = Migration(
        config=without(text, found),
        profiles={
            check_name(name): _profile(text, found, name) for name in before.get("profiles", {})
        },
        default=before.get("profile"),
    )
    _prove(before, result)
    return result


def _is_legacy(path: tuple[str, ...]) -> bool:
    return path[0] == "profiles" or path == ("profile",)


def _refuse_strange(text: str, found: list[Section], values: Mapping[str, Any]) -> None:
    inside = blocks(text, Style.HASH)
    profiles = values.get("profiles", {})
    for section in found:
        head = section.head
        line = statement_line(text, head)
        block = next((each for each in inside if each.start <= head.start < each.stop), None)
        if block is not None:
            raise BlockError(
                line,
                f"`{head.told}` is part of the managed block {block.name!r}; take it out of what "
                "the block is made from, and deploy that first",
            )
        if head.path == ("profile",):
            if not isinstance(values["profile"], str):
                raise BlockError(line, "`profile` names no profile; remove it")
        elif not is_object(profiles) or not all(map(is_object, profiles.values())):
            raise BlockError(line, f"`{head.told}` is no table of settings; remove it")


def _profile(text: str, found: list[Section], name: str) -> str:
    """Return a profile's own text: first its keys, then its tables."""
    own = [
        each
        for each in found
        if each.head.kind is not Kind.KEY and each.head.path[:_OWN] == ("profiles", name)
    ]
    lines = "".join(
        _lines(text, each) for each in sorted(own, key=lambda each: len(each.head.path) > _OWN)
    )
    lines = lines.replace("\r\n", "\n")
    values = tomllib.loads(text.removeprefix(BOM))["profiles"][name]
    if is_toml(lines) and tomllib.loads(lines) == values:
        return lines
    # Written as keys of other tables: only the meaning can be taken over.
    return tomlkit.dumps(values)


_OWN = len(("profiles", "name"))
"""Names in the path of a profile's own table."""


def _lines(text: str, section: Section) -> str:
    """Return a table of a profile as it stands in the profile's file."""
    head = section.head
    line_end = statement_end(text, head.start)
    comments = text[section.start : head.start].rstrip(" \t")
    head_line = _head(text[head.start : line_end], head)
    rest = text[line_end : section.stop]
    gap = "\n" if len(head.path) > _OWN else ""
    lines = gap + comments + head_line + rest
    return lines if not lines or lines.endswith("\n") else f"{lines}\n"


def _head(line: str, head: Statement) -> str:
    """Return a table's head without `profiles.NAME`, and the comment behind it."""
    size = next(
        size for size in range(1, len(line) + 1) if line[size - 1] == "]" and is_toml(line[:size])
    )
    comment = line[size:].strip()
    path = ".".join(tomlkit.key(part).as_string() for part in head.path[_OWN:])
    shown = f"[[{path}]]" if head.kind is Kind.ARRAY else f"[{path}]"
    parts = [shown if path else "", comment]
    told = "  ".join(part for part in parts if part)
    return f"{told}\n" if told else ""


def _prove(before: dict[str, Any], result: Migration) -> None:
    rest = {name: value for name, value in before.items() if name not in {"profile", "profiles"}}
    same = parse(result.config) == rest and all(
        parse(text) == before["profiles"][name] for name, text in result.profiles.items()
    )
    if not same:
        raise BlockError(
            1, "the profiles stand in a way that cannot be taken apart safely; move them by hand"
        )
