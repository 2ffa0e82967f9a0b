"""Managed blocks in a `config.toml`.

Pure. A block with both top-level keys and tables is split into two parts: keys before the first
table, since they would otherwise fall into it, and tables at the end, since keys below would fall
into them. The result means exactly the block plus the rest; otherwise an error is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.errors import UsageError
from codexmcp.home import blocks
from codexmcp.home.block_markers import BOM, Block, BlockError, Style, find, lines_of
from codexmcp.home.block_seal import added_range, seal, unsealed
from codexmcp.home.toml_conflicts import refuse_conflicts, refuse_misplaced
from codexmcp.home.toml_lines import LineKind, parse, statements
from codexmcp.jsonvalues import is_object

TOP = ".top"
"""The name suffix of a part with top-level keys."""


class EditedBlockError(BlockError):
    """An update of the block would lose an edit in its lines."""


def plan_block(text: str, name: str, body: str, *, overwrite: bool = False) -> str:
    """Return the text with the block inserted or replaced.

    Statements added by Codex inside our markers are moved out of them. Source: Codex writes a new
    table before the comment at the end of the file (measured on 0.153.4, 0.163.0 and 0.169.0).

    Args:
        text: The whole file.
        name: The block's name.
        body: TOML.
        overwrite: Allow the loss of edits inside the markers.

    Raises:
        EditedBlockError: The block was edited.
        BlockError: The text is broken, or the block is not possible in it; names the line.
    """
    body = _plain(body)
    ours = _parsed_body(name, body)
    text, before = _settled(text, name, overwrite=overwrite)
    outside = _less(before, parse(read_block(text, name) or ""))
    # A search for lines is slow in a long file.
    if ours.keys() & outside.keys():
        refuse_conflicts(text, _found(text, name), name, body)
    keys, tables = split(body)
    result = _put(text, name + TOP, keys, blocks.BlockPosition.START)
    result = _put(result, name, tables, blocks.BlockPosition.END)
    if result != text:
        _make_sure(text, name, result, _merged(outside, ours))
    return result


def plan_removal(text: str, name: str, *, overwrite: bool = False) -> str:
    """Return the text without the block; Codex's additions inside its markers stay.

    Raises:
        EditedBlockError: The block was edited, and `overwrite` is not set.
        BlockError: The text is broken, or its meaning would change; names the line.
    """
    text, before = _settled(text, name, overwrite=overwrite)
    result = _without(text, name)
    if result != text:
        ours = parse(read_block(text, name) or "")
        _make_sure(text, name, result, _less(before, ours))
    return result


def read_block(text: str, name: str) -> str | None:
    """Return the original body of a block, or None if absent.

    Raises:
        BlockError: Markers in the text are broken.
    """
    parts = [blocks.read(text, part, Style.HASH) for part in _parts(name)]
    if parts == [None, None]:
        return None
    return "".join(unsealed(part) for part in parts if part is not None)


def is_current(text: str, name: str, body: str) -> bool:
    """Return True if the block equals the body, apart from Codex's additions.

    Args:
        text: The whole file.
        name: The block's name.
        body: TOML, as for `plan_block`.

    Raises:
        BlockError: Markers in the text or the body are broken.
    """
    for part, wanted in zip(_parts(name), split(_plain(body)), strict=True):
        found = blocks.read(text, part, Style.HASH)
        if _kept(found or "") != (seal(wanted) + wanted if wanted else ""):
            return False
    return True


def is_edited(text: str, name: str) -> bool:
    """Return True if the block's own lines were changed.

    Raises:
        BlockError: The text is broken.
    """
    for block in _found(text, name):
        moved = _moved_out(text, block)
        if moved is None or (moved != text and not _means(moved, parse(text))):
            return True
    return False


def owners_part(text: str, name: str) -> str:
    """Return the text without the block, for comparison only: its meaning may differ.

    Raises:
        BlockError: Markers in the text are broken.
    """
    for part in _parts(name):
        block = find(text, part, Style.HASH)
        if block is not None:
            text = _moved_out(text, block) or text
    return _without(text, name)


def split(body: str) -> tuple[str, str]:
    """Return the top-level keys, and the tables with the comments directly above the first.

    Args:
        body: Valid TOML, every line terminated.
    """
    every = list(statements(body))
    table = next((each for each in every if each.kind is not LineKind.KEY), None)
    if not every or every[0] is table:
        return "", body
    if table is None:
        return body, ""
    at = table.start
    while at and body[(above := body.rfind("\n", 0, at - 1) + 1) : at].lstrip().startswith("#"):
        at = above
    return body[:at], body[at:]


def _parts(name: str) -> tuple[str, str]:
    return name + TOP, name


def _found(text: str, name: str) -> list[Block]:
    return [found for part in _parts(name) if (found := find(text, part, Style.HASH))]


def _plain(body: str) -> str:
    body = body.removeprefix(BOM).replace("\r\n", "\n")
    return body if not body or body.endswith("\n") else f"{body}\n"


def _parsed_body(name: str, body: str) -> dict[str, Any]:
    if name.endswith(TOP):
        raise UsageError(f"{name!r} cannot name a block: {TOP!r} marks a part of one")
    try:
        return parse(body)
    except BlockError as error:
        raise BlockError(error.line, f"{error.problem} (in the text for {name!r})") from None


def _put(text: str, name: str, body: str, place: blocks.BlockPosition) -> str:
    if not body:
        return blocks.remove(text, name, Style.HASH)
    return blocks.apply(text, name, seal(body) + body, Style.HASH, place)


def _without(text: str, name: str) -> str:
    for part in _parts(name):
        text = blocks.remove(text, part, Style.HASH)
    return text


def _kept(found: str) -> str:
    """Return a part's lines without Codex's additions."""
    at = added_range(found)
    lines = lines_of(found)
    return found if at is None else "".join([*lines[: at.start], *lines[at.stop :]])


def _settled(text: str, name: str, *, overwrite: bool) -> tuple[str, dict[str, Any]]:
    """Return the text with Codex's additions moved after the block, and its meaning."""
    meaning = parse(text)
    refuse_misplaced(text, _found(text, name))
    for part in _parts(name):
        block = find(text, part, Style.HASH)
        if block is None:
            continue
        moved = _moved_out(text, block)
        if moved is not None and (moved == text or _means(moved, meaning)):
            text = moved
        elif not overwrite:
            raise EditedBlockError(
                block.line,
                f"block {part!r} was edited below this line; move your settings out of its "
                "markers, or allow overwriting them",
            )
    return text, meaning


def _moved_out(text: str, block: Block) -> str | None:
    """Return the text with a block's added lines moved after it; None for edited lines."""
    lines = lines_of(text[block.inner : block.inner_stop])
    at = added_range("".join(lines).replace("\r\n", "\n"))
    if at is None:
        return None
    if not at:
        return text
    if _continues(lines[at.start : at.stop], [*lines[: at.start], *lines[at.stop :]]):
        return None
    newline = "\r\n" if lines[at.start].endswith("\r\n") else "\n"
    ours = "".join([*lines[: at.start], *lines[at.stop :]])
    theirs = newline + "".join(lines[at.start : at.stop]).removesuffix(newline)
    marker = text[block.inner_stop : block.stop]
    return text[: block.inner] + ours + marker + theirs + text[block.stop :]


def _continues(added: list[str], ours: list[str]) -> bool:
    """Return True if lines extend our last table, even after our end marker."""
    try:
        parse("".join(added))
    except BlockError:
        return True
    first = next(statements("".join(added)), None)
    is_key = first is not None and first.kind is LineKind.KEY
    return is_key and any(each.kind is not LineKind.KEY for each in statements("".join(ours)))


def _means(text: str, meaning: Mapping[str, Any]) -> bool:
    try:
        return parse(text) == meaning
    except BlockError:
        return False


def _make_sure(text: str, name: str, result: str, meaning: Mapping[str, Any]) -> None:
    try:
        if _same(parse(result), meaning):
            return
        problem = "the rest of the file would mean something else"
    except BlockError as error:
        problem = f"the file would be broken: {error.problem}"
    there = _found(text, name)
    refuse_misplaced(text, there)
    line = there[0].line if there else 1
    raise BlockError(line, f"block {name!r} does not go with the rest: {problem}")


def _merged(outside: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(outside)
    for name, value in ours.items():
        there = merged.get(name)
        merged[name] = _merged(there, value) if is_object(there) and is_object(value) else value
    return merged


def _less(whole: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without ours, and without tables that become empty."""
    left = dict(whole)
    for name, value in ours.items():
        there = left.get(name)
        rest = _less(there, value) if is_object(there) and is_object(value) else None
        if rest:
            left[name] = rest
        else:
            left.pop(name, None)
    return left


def _same(one: object, other: object) -> bool:
    """Return True for equal settings; an empty table equals a missing table."""
    if is_object(one) and is_object(other):
        return all(
            _same(one.get(name, {}), other.get(name, {})) for name in one.keys() | other.keys()
        )
    return one == other
