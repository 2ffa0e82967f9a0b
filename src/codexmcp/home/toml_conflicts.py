"""What stands in the way of a managed block in a TOML text: what is set twice or falls elsewhere.

Pure. For text that `tomllib` has accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

from codexmcp.home.block_markers import Block, BlockError, line_of
from codexmcp.home.toml_lines import Kind, Statement, statement_line, statements


def refuse_conflicts(text: str, found: Sequence[Block], name: str, body: str) -> None:
    """Make sure that nothing of a block is also set outside of it.

    Args:
        text: The whole file.
        found: Where the block stands in it; empty when it is new.
        name: The block's name.
        body: What shall stand in it.

    Raises:
        BlockError: Something is; names the line outside.
    """
    ours = _Ours(body)
    for theirs in statements(text):
        if any(block.start <= theirs.start < block.stop for block in found):
            continue
        if ours.clash_with(theirs):
            raise BlockError(
                statement_line(text, theirs),
                f"`{theirs.told}` is also set by block {name!r}; delete it here, or take it out of "
                "the block's source",
            )


def refuse_misplaced(text: str, found: Sequence[Block]) -> None:
    """Make sure that a block and the keys around it do not fall into each other's tables.

    Args:
        text: The whole file.
        found: The parts of the block.

    Raises:
        BlockError: They do; names the line outside.
    """
    for block in found:
        # Pieces of a long file are looked through, not all of it.
        inside = list(statements(text[block.inner : block.inner_stop]))
        below = next(statements(text[block.stop :]), None)
        if inside and inside[0].kind is Kind.KEY:
            above = [each for each in statements(text[: block.start]) if each.kind is not Kind.KEY]
            if above:
                raise BlockError(
                    statement_line(text, above[-1]),
                    f"{above[-1].told} is open above block {block.name!r} (line {block.line}), "
                    "whose keys fall into it; move the block up, before the first table",
                )
        is_open = any(each.kind is not Kind.KEY for each in inside)
        if is_open and below is not None and below.kind is Kind.KEY:
            raise BlockError(
                line_of(text, block.stop + below.start),
                f"`{below.told}` comes after block {block.name!r} and falls into its last "
                "table; move that line up, before the first table",
            )


class _Ours:
    """What a block sets."""

    def __init__(self, body: str) -> None:
        self._kinds: dict[tuple[str, ...], Kind] = {}
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
        # A value, a table among many, and one made by dots cannot be extended from elsewhere.
        if path in (self._dotted if theirs.kind is Kind.TABLE else self._above):
            return True
        uppers = (self._kinds.get(path[:size]) for size in range(1, len(path)))
        return any(kind not in {None, Kind.TABLE} for kind in uppers)
