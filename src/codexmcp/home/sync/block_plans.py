"""Plans for the owner's files with managed blocks.

Pure except for reading the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.home import blocks
from codexmcp.home.block_markers import BlockError
from codexmcp.home.block_markers import blocks as find_all
from codexmcp.home.changes import read_file, text_of_file
from codexmcp.home.orphan_markers import without_orphan_markers
from codexmcp.home.sync.config_repair import repaired
from codexmcp.home.sync.manifest import BlockRecord
from codexmcp.home.sync.paths import resolved_file
from codexmcp.home.sync.states import State
from codexmcp.home.sync.wanted import WantedBlock, WantedKind, digest_of
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
    """The plan for a file with a current, former or future block.

    Attributes:
        file: The file's path in the client's folder.
        real: The resolved path.
        state: The block's state.
        problem: The obstacle to writing, for people; empty without an obstacle.
        before: The current contents; None for a missing file.
        after: The new contents; None deletes the file.
        record: The manifest's record of the block; None for a removed block.
        name: The block's name.
        kind: The file's format.
    """

    file: str
    real: Path
    state: State
    problem: str
    before: bytes | None
    after: bytes | None
    record: BlockRecord | None
    name: str
    kind: WantedKind

    @property
    def owners(self) -> bytes:
        """The owner's part of the new contents, without the block."""
        return without_block(self.after or b"", self.name, self.kind)


def plan_blocks(
    root: Path,
    wanted: Sequence[WantedBlock],
    records: Mapping[str, BlockRecord],
    *,
    force: bool,
    rebuild: bool,
) -> Iterator[BlockPlan]:
    """Yield the plan of every file with a block.

    Args:
        root: The client's folder, resolved.
        wanted: The blocks to deploy.
        records: The deployed blocks, by file path.
        force: Allow the loss of edits inside the blocks.
        rebuild: Move each block to the position of a new block.

    Raises:
        ConfigurationError: A file is not readable.
    """
    named = {block.file: block for block in wanted}
    for file in sorted(named.keys() | records.keys()):
        block, record = named.get(file), records.get(file)
        real = resolved_file(root, file, "folder")
        before = read_file(real)
        if block is None and record is not None:
            block = WantedBlock(file, record.name, _kind(record), "")
            yield _plan(
                block, record, real, before, _BlockOptions(force=force, rebuild=True, remove=True)
            )
        elif block is not None:
            yield _plan(
                block,
                record,
                real,
                before,
                _BlockOptions(force=force, rebuild=rebuild, remove=False),
            )


def without_block(data: bytes, name: str, kind: WantedKind) -> bytes:
    """Return the owner's part of a file; the whole file if its markers are broken."""
    try:
        if kind is WantedKind.TOML:
            return owners_part(data.decode(), name).encode()
        text = data.decode(errors="surrogateescape")
        text = blocks.remove(text, name, blocks.Style.MARKDOWN)
        return text.encode(errors="surrogateescape")
    except (BlockError, UnicodeDecodeError):
        return data


@dataclass(frozen=True, slots=True)
class _BlockOptions:
    """Options of `plan_blocks`; `remove` removes the block."""

    force: bool
    rebuild: bool
    remove: bool


def _plan(
    block: WantedBlock,
    record: BlockRecord | None,
    real: Path,
    before: bytes | None,
    options: _BlockOptions,
) -> BlockPlan:
    made_file = record.made_file if record else before is None
    try:
        found = _text(real, block.kind, before)
        state, after = _outcome(found, block, record, options)
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
    new = None if options.remove else _record(block, made_file=made_file)
    return BlockPlan(block.file, real, state, "", before, kept, new, block.name, block.kind)


def _outcome(
    found: str, block: WantedBlock, record: BlockRecord | None, options: _BlockOptions
) -> tuple[State, str]:
    """Return the state of a block, and the new contents of its file."""
    text = without_orphan_markers(found) if block.kind is WantedKind.TOML else found
    anew = _anew(text, block, record, is_rewritten=text != found)
    state = _state(text, block, record, remove=options.remove) if anew is None else State.REWRITTEN
    if state is State.EDITED and not options.force:
        raise EditedBlockError(
            _line(text, block),
            f"block {block.name!r} was edited; move your words out of its markers (or into the "
            "repository), or give --force, which keeps a copy of the file",
        )
    after = _changed(text if anew is None else anew, block, options)
    # Codex's additions between the markers are moved out together with other changes.
    return state, found if state is State.CURRENT and not options.rebuild else after


def _record(block: WantedBlock, *, made_file: bool) -> BlockRecord:
    digest = digest_of(_plain(block.body).encode())
    body = block.body if block.kind is WantedKind.TOML else ""
    return BlockRecord(block.name, block.kind.value, (digest,), made_file, body)


def _kind(record: BlockRecord) -> WantedKind:
    return WantedKind.TOML if record.kind == WantedKind.TOML.value else WantedKind.MARKDOWN


def _text(real: Path, kind: WantedKind, data: bytes | None) -> str:
    if kind is WantedKind.TOML:
        return text_of_file(real, data)
    # The owner's bytes stay unchanged, whatever their encoding.
    return (data or b"").decode(errors="surrogateescape")


def _anew(
    text: str, block: WantedBlock, record: BlockRecord | None, *, is_rewritten: bool
) -> str | None:
    """Return the text without a block whose tables were rewritten by Codex; otherwise None."""
    if block.kind is not WantedKind.TOML or record is None or not record.body:
        return None
    return repaired(text, block.name, record.body, is_rewritten=is_rewritten)


def _state(text: str, block: WantedBlock, record: BlockRecord | None, *, remove: bool) -> State:
    there = _read(text, block)
    if there is None:
        if remove:
            return State.GONE
        return State.NEW if record is None else State.MISSING
    if block.kind is WantedKind.TOML and is_edited(text, block.name):
        return State.EDITED
    if not remove and _is_current(text, block, there):
        return State.CURRENT
    if block.kind is WantedKind.TOML:
        return State.STALE if remove else State.OUTDATED
    if record is None or digest_of(there.encode(errors="surrogateescape")) not in record.digests:
        return State.EDITED
    return State.STALE if remove else State.OUTDATED


def _line(text: str, block: WantedBlock) -> int:
    style = blocks.Style.HASH if block.kind is WantedKind.TOML else blocks.Style.MARKDOWN
    names = (block.name, block.name + TOP)
    return min(each.line for each in find_all(text, style) if each.name in names)


def _read(text: str, block: WantedBlock) -> str | None:
    if block.kind is WantedKind.TOML:
        return read_block(text, block.name)
    return blocks.read(text, block.name, blocks.Style.MARKDOWN)


def _is_current(text: str, block: WantedBlock, there: str) -> bool:
    if block.kind is WantedKind.TOML:
        return is_current(text, block.name, block.body)
    return there == _plain(block.body)


def _changed(text: str, block: WantedBlock, options: _BlockOptions) -> str:
    # The caller has decided whether edits may be lost.
    if block.kind is WantedKind.TOML:
        if options.rebuild:
            text = plan_removal(text, block.name, overwrite=True)
        return text if options.remove else plan_block(text, block.name, block.body, overwrite=True)
    if options.rebuild:
        text = blocks.remove(text, block.name, blocks.Style.MARKDOWN)
    if options.remove:
        return text
    return blocks.apply(text, block.name, block.body, blocks.Style.MARKDOWN)


def _plain(body: str) -> str:
    lines = [line.rstrip("\r") for line in body.removesuffix("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if body else ""
