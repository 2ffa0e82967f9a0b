"""Conflicts between a managed block and the rest of a TOML text.

Conflicts are duplicate settings and keys in the wrong table. Pure; for text accepted by `tomllib`.
"""

from __future__ import annotations

from collections.abc import Sequence

from codexmcp.home.block_markers import Block, BlockError, line_of
from codexmcp.home.toml_lines import LineKind, Statement, statement_line, statements


def refuse_conflicts(text: str, found: Sequence[Block], name: str, body: str) -> None:
    """Refuse settings of a block that are also set outside.

    Args:
        text: The whole file.
        found: The positions of the block; empty for a new block.
        name: The block's name.
        body: The block's contents.

    Raises:
        BlockError: A setting is duplicate; names the line outside.
    """
    ours = _Ours(body)
    for theirs in statements(text):
        if any(block.start <= theirs.start < block.stop for block in found):
            continue
        if ours.clash_with(theirs):
            raise BlockError(
                statement_line(text, theirs),
                f"`{theirs.told}` is also set by block {name!r}; delete it here, or remove it from "
                "the block's source",
            )


def refuse_misplaced(text: str, found: Sequence[Block]) -> None:
    """Refuse a block and surrounding keys that fall into each other's tables.

    Args:
        text: The whole file.
        found: The parts of the block.

    Raises:
        BlockError: A key falls into the wrong table; names the line outside.
    """
    for block in found:
        # For speed in a long file, only parts of the text are searched.
        inside = list(statements(text[block.inner : block.inner_stop]))
        below = next(statements(text[block.stop :]), None)
        if inside and inside[0].kind is LineKind.KEY:
            above = [
                each for each in statements(text[: block.start]) if each.kind is not LineKind.KEY
            ]
            if above:
                raise BlockError(
                    statement_line(text, above[-1]),
                    f"{above[-1].told} is open above block {block.name!r} (line {block.line}), "
                    "so its keys fall into that table; move the block up, before the first table",
                )
        is_open = any(each.kind is not LineKind.KEY for each in inside)
        if is_open and below is not None and below.kind is LineKind.KEY:
            raise BlockError(
                line_of(text, block.stop + below.start),
                f"`{below.told}` comes after block {block.name!r} and falls into its last "
                "table; move that line up, before the first table",
            )


class _Ours:
    """The settings of a block."""

    def __init__(self, body: str) -> None:
        self._kinds: dict[tuple[str, ...], LineKind] = {}
        self._above: set[tuple[str, ...]] = set()
        self._dotted: set[tuple[str, ...]] = set()
        for each in statements(body):
            self._kinds.setdefault(each.path, each.kind)
            self._above.update(each.path[:size] for size in range(1, len(each.path)))
            self._dotted.update(each.dotted)

    def clash_with(self, theirs: Statement) -> bool:
        path = theirs.path
        if path in self._kinds or any(each in self._kinds for each in theirs.dotted):
            return True
        # Values, array tables and dotted tables cannot be extended from elsewhere.
        if path in (self._dotted if theirs.kind is LineKind.TABLE else self._above):
            return True
        uppers = (self._kinds.get(path[:size]) for size in range(1, len(path)))
        return any(kind not in {None, LineKind.TABLE} for kind in uppers)
