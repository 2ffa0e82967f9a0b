"""What becomes of the owner's files that hold blocks of ours.

Pure but for reading the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home import blocks
from codexmcp.home.block_markers import BlockError
from codexmcp.home.block_markers import blocks as find_all
from codexmcp.home.changes import read_file, text_of_file
from codexmcp.home.mcp_leftovers import mended
from codexmcp.home.sync.config_repair import repaired
from codexmcp.home.sync.manifest import BlockRecord
from codexmcp.home.sync.paths import resolved_file
from codexmcp.home.sync.states import State
from codexmcp.home.sync.wanted import Kind, WantedBlock, digest_of
from codexmcp.home.toml_blocks import (
    TOP,
    EditedBlockError,
    is_current,
    is_edited,
    owners_part,
    plan_block,
    plan_removal,
    read_block,
)


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What becomes of a file that holds, held or shall hold a block.

    Attributes:
        file: The file's path in the client's folder.
        real: Where it lies.
        state: The block's state.
        problem: What stands in the way of writing it, for people; empty when nothing does.
        before: What the file holds; None when there is none.
        after: What it shall hold; None when there shall be none.
        record: What to write down of it; None when the block goes.
        name: The block's name.
        kind: What sort of text the file holds.
    """

    file: str
    real: Path
    state: State
    problem: str
    before: bytes | None
    after: bytes | None
    record: BlockRecord | None
    name: str
    kind: Kind

    @property
    def owners(self) -> bytes:
        """What the file shall hold of the owner's, without the block."""
        return without_block(self.after or b"", self.name, self.kind)


def plan_blocks(
    root: Path,
    wanted: Sequence[WantedBlock],
    records: Mapping[str, BlockRecord],
    *,
    force: bool,
    rebuild: bool,
) -> Iterator[BlockPlan]:
    """Yield what becomes of every file with a block.

    Args:
        root: The client's folder, resolved.
        wanted: The blocks that shall be there.
        records: The blocks that were deployed, by the paths of their files.
        force: Whether edits inside the blocks may be lost.
        rebuild: Whether to put each block anew where a new one goes.

    Raises:
        ConfigurationError: A file cannot be read.
    """
    named = {block.file: block for block in wanted}
    for file in sorted(named.keys() | records.keys()):
        block, record = named.get(file), records.get(file)
        real = resolved_file(root, file, "folder")
        before = read_file(real)
        if block is None and record is not None:
            block = WantedBlock(file, record.name, _kind(record), "")
            yield _plan(
                block, record, real, before, _Manner(force=force, rebuild=True, remove=True)
            )
        elif block is not None:
            yield _plan(
                block, record, real, before, _Manner(force=force, rebuild=rebuild, remove=False)
            )


def without_block(data: bytes, name: str, kind: Kind) -> bytes:
    """Return what a file holds of the owner's; all of it where its markers are broken."""
    try:
        if kind is Kind.TOML:
            return owners_part(data.decode(), name).encode()
        text = data.decode(errors="surrogateescape")
        text = blocks.remove(text, name, blocks.Style.MARKDOWN)
        return text.encode(errors="surrogateescape")
    except (BlockError, UnicodeDecodeError):
        return data


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a block is planned: see `plan_blocks`; `remove` takes it out."""

    force: bool
    rebuild: bool
    remove: bool


def _plan(
    block: WantedBlock,
    record: BlockRecord | None,
    real: Path,
    before: bytes | None,
    manner: _Manner,
) -> BlockPlan:
    made_file = record.made_file if record else before is None
    try:
        found = _text(real, block.kind, before)
        state, after = _outcome(found, block, record, manner)
    except (BlockError, ConfigurationError) as error:
        where = f"{real}, {error}" if isinstance(error, BlockError) else str(error)
        is_edited = isinstance(error, EditedBlockError)
        state = State.EDITED if is_edited else State.BROKEN
        return BlockPlan(
            block.file, real, state, where, before, before, record, block.name, block.kind
        )
    data = after.encode(errors="surrogateescape")
    is_gone = not data and (made_file or before is None)
    kept = None if is_gone else data
    new = None if manner.remove else _record(block, made_file=made_file)
    return BlockPlan(block.file, real, state, "", before, kept, new, block.name, block.kind)


def _outcome(
    found: str, block: WantedBlock, record: BlockRecord | None, manner: _Manner
) -> tuple[State, str]:
    """Return the state of a block, and what its file shall hold."""
    text = mended(found) if block.kind is Kind.TOML else found
    anew = _anew(text, block, record, is_rewritten=text != found)
    state = _state(text, block, record, remove=manner.remove) if anew is None else State.REWRITTEN
    if state is State.EDITED and not manner.force:
        raise EditedBlockError(
            _line(text, block),
            f"block {block.name!r} was edited; move your words out of its markers (or into the "
            "repository), or say --force, which keeps a copy of the file",
        )
    after = _changed(text if anew is None else anew, block, manner)
    # What Codex has added between the markers is moved out when there is more to write.
    return state, found if state is State.CURRENT and not manner.rebuild else after


def _record(block: WantedBlock, *, made_file: bool) -> BlockRecord:
    digest = digest_of(_plain(block.body).encode())
    body = block.body if block.kind is Kind.TOML else ""
    return BlockRecord(block.name, block.kind.value, (digest,), made_file, body)


def _kind(record: BlockRecord) -> Kind:
    return Kind.TOML if record.kind == Kind.TOML.value else Kind.MARKDOWN


def _text(real: Path, kind: Kind, data: bytes | None) -> str:
    if kind is Kind.TOML:
        return text_of_file(real, data)
    # Whatever bytes the owner has there stay as they are.
    return (data or b"").decode(errors="surrogateescape")


def _anew(
    text: str, block: WantedBlock, record: BlockRecord | None, *, is_rewritten: bool
) -> str | None:
    """Return the text without a block whose tables Codex has written anew; None when it has not."""
    if block.kind is not Kind.TOML or record is None or not record.body:
        return None
    return repaired(text, block.name, record.body, is_rewritten=is_rewritten)


def _state(text: str, block: WantedBlock, record: BlockRecord | None, *, remove: bool) -> State:
    there = _read(text, block)
    if there is None:
        if remove:
            return State.GONE
        return State.NEW if record is None else State.MISSING
    if block.kind is Kind.TOML and is_edited(text, block.name):
        return State.EDITED
    if not remove and _is_current(text, block, there):
        return State.CURRENT
    if block.kind is Kind.TOML:
        return State.STALE if remove else State.OUTDATED
    if record is None or digest_of(there.encode(errors="surrogateescape")) not in record.digests:
        return State.EDITED
    return State.STALE if remove else State.OUTDATED


def _line(text: str, block: WantedBlock) -> int:
    style = blocks.Style.HASH if block.kind is Kind.TOML else blocks.Style.MARKDOWN
    names = (block.name, block.name + TOP)
    return min(each.line for each in find_all(text, style) if each.name in names)


def _read(text: str, block: WantedBlock) -> str | None:
    if block.kind is Kind.TOML:
        return read_block(text, block.name)
    return blocks.read(text, block.name, blocks.Style.MARKDOWN)


def _is_current(text: str, block: WantedBlock, there: str) -> bool:
    if block.kind is Kind.TOML:
        return is_current(text, block.name, block.body)
    return there == _plain(block.body)


def _changed(text: str, block: WantedBlock, manner: _Manner) -> str:
    # Whether edits may be lost was decided before.
    if block.kind is Kind.TOML:
        if manner.rebuild:
            text = plan_removal(text, block.name, overwrite=True)
        return text if manner.remove else plan_block(text, block.name, block.body, overwrite=True)
    if manner.rebuild:
        text = blocks.remove(text, block.name, blocks.Style.MARKDOWN)
    if manner.remove:
        return text
    return blocks.apply(text, block.name, block.body, blocks.Style.MARKDOWN)


def _plain(body: str) -> str:
    lines = [line.rstrip("\r") for line in body.removesuffix("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if body else ""
