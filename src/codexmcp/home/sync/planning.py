"""The plan of a deployment: all changes and the new manifest.

Reads only. A plan is complete or an error; the error names every obstacle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import ConfigurationError
from codexmcp.home.sync.backups import Backups
from codexmcp.home.sync.block_plans import BlockPlan, plan_blocks
from codexmcp.home.sync.change import SyncChange
from codexmcp.home.sync.choices import SyncChoices
from codexmcp.home.sync.deployed import DeployedEntry, EntryKind, Folder
from codexmcp.home.sync.manifest import BlockRecord, Manifest, ManifestRecord
from codexmcp.home.sync.states import NEEDS_FORCE, SETTLED, Drift, State, file_state
from codexmcp.home.sync.wanted import WantedContents, WantedFile

_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """The changes of a deployment.

    Attributes:
        changes: The changes in the order of writing.
        folders: The folders to create, parents first.
        emptied: The folders to delete if empty, children first.
        pending: The manifest to write before the changes.
        final: The manifest to write after them, with no `stat` yet for written files; None after
            the removal of everything.
        notes: Remarks for the user.
    """

    changes: tuple[SyncChange, ...]
    folders: tuple[str, ...]
    emptied: tuple[str, ...]
    pending: Manifest
    final: Manifest | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Options of a plan.

    Attributes:
        repository: The source; empty for a removal.
        force: Replace the owner's files and edits; a copy is kept.
        rebuild: Move blocks to the position of new blocks.
        now: The time in the names of copies.
        choices: The persistent options.
    """

    repository: str
    now: datetime
    choices: SyncChoices = field(default_factory=SyncChoices)
    force: bool = False
    rebuild: bool = False


def drifts(folder: Folder, wanted: WantedContents, manifest: Manifest | None) -> Iterator[Drift]:
    """Yield the differences from the wanted contents.

    Args:
        folder: The client's folder.
        wanted: The wanted contents.
        manifest: The deployed contents, or None.

    Raises:
        ConfigurationError: A file is not readable.
    """
    known = manifest or Manifest()
    if not known.is_finished:
        yield Drift(".", State.BROKEN, "a push was interrupted; push again")
    for block in plan_blocks(folder.root, wanted.blocks, known.blocks, force=False, rebuild=False):
        if block.state not in SETTLED:
            yield Drift(block.file, block.state, block.problem)
    for path, _, _, state in _files(folder, wanted, known):
        if state not in SETTLED:
            yield Drift(path, state)


def plan(
    folder: Folder, wanted: WantedContents, manifest: Manifest | None, options: PlanOptions
) -> SyncPlan:
    """Return the plan for the wanted contents of a client's folder.

    Args:
        folder: The client's folder.
        wanted: The wanted contents.
        manifest: The deployed contents, or None.
        options: The options.

    Raises:
        ConfigurationError: The plan is impossible; names every obstacle.
    """
    known = manifest or Manifest()
    draft = _Draft(folder, known, options)
    for block in plan_blocks(
        folder.root, wanted.blocks, known.blocks, force=options.force, rebuild=options.rebuild
    ):
        draft.add_block(block)
    for path, record, seen, state in _files(folder, wanted, known):
        file = wanted.files.get(path)
        if file is None:
            draft.drop_file(path, record or ManifestRecord(()), seen, state)
        else:
            draft.add_file(path, file, record, seen, state)
    return draft.finished()


def _files(
    folder: Folder, wanted: WantedContents, manifest: Manifest
) -> Iterator[tuple[str, ManifestRecord | None, DeployedEntry, State]]:
    for path in sorted(wanted.files.keys() | manifest.files.keys()):
        record = manifest.files.get(path)
        seen = folder.look(path, record, manifest.written_ns)
        yield path, record, seen, file_state(wanted.files.get(path), record, seen)


class _Draft:
    """A plan under construction."""

    def __init__(self, folder: Folder, known: Manifest, options: PlanOptions) -> None:
        self._folder = folder
        self._known = known
        self._options = options
        self._backups = Backups(folder, known.backups, known.edits, options.now)
        self._changes: list[SyncChange] = []
        self._deleted: list[SyncChange] = []
        self._records: dict[str, ManifestRecord] = {}
        self._pending: dict[str, ManifestRecord] = dict(known.files)
        self._blocks: list[BlockPlan] = []
        self._problems: list[str] = []
        self._can_force = False
        self._notes: list[str] = []

    def add_block(self, block: BlockPlan) -> None:
        if block.problem:
            self._problems.append(block.problem)
            self._can_force |= block.state is State.EDITED
            return
        self._blocks.append(block)
        if block.after == block.before:
            return
        # The removal of the block can be undone; other changes and lost edits cannot.
        is_edit = block.state is State.EDITED
        backup = None
        if block.before is not None and (block.record is not None or is_edit):
            backup = self._backups.name(block.file, is_edit=is_edit)
        change = SyncChange(block.file, str(block.real), block.before, block.after, backup=backup)
        (self._changes if block.after is not None else self._deleted).append(change)

    def add_file(
        self,
        path: str,
        file: WantedFile,
        record: ManifestRecord | None,
        seen: DeployedEntry,
        state: State,
    ) -> None:
        old = record or ManifestRecord(())
        backup = old.backup
        if state in {State.CURRENT, State.SAME}:
            is_owners = old.is_owners or state is State.SAME
            self._records[path] = ManifestRecord((file.digest,), seen.stat, backup, is_owners)
            return
        if state is State.IN_THE_WAY or (state in NEEDS_FORCE and not self._options.force):
            self._problems.append(self._folder.real(path) + _IN_THE_WAY[state])
            self._can_force |= state in NEEDS_FORCE
            return
        copy = None
        if state in NEEDS_FORCE or old.is_owners:
            copy = self._backups.name(path)
            # The owner's first version is the version to restore in the end.
            backup = copy if record is None or old.is_owners else backup
        before = None if seen.there is EntryKind.NOTHING else self._folder.read(path)
        real = self._folder.real(path)
        self._changes.append(SyncChange(path, real, before, file.data, file.is_executable, copy))
        self._records[path] = ManifestRecord((file.digest,), None, backup)
        digests = tuple(dict.fromkeys((*old.digests, file.digest)))
        self._pending[path] = ManifestRecord(digests, None, backup)

    def drop_file(
        self, path: str, record: ManifestRecord, seen: DeployedEntry, state: State
    ) -> None:
        if state is State.GONE or (state is State.STALE and record.is_owners):
            return
        real = self._folder.real(path)
        if self._backups.was_restored(record.backup, seen.digest):
            return
        if state is State.STALE_EDITED and not self._options.force:
            self._notes.append(f"{real} was changed there, so it stays; it is yours now")
            return
        if seen.there is EntryKind.OTHER:
            self._notes.append(f"{real} is no longer a plain file, so it stays")
            return
        copy = self._backups.name(path) if state is State.STALE_EDITED else None
        restored = self._backups.restore(record.backup)
        before = self._folder.read(path)
        change = SyncChange(path, real, before, restored, backup=copy)
        (self._deleted if restored is None else self._changes).append(change)

    def finished(self) -> SyncPlan:
        if self._problems:
            raise ConfigurationError(_told(self._problems, can_force=self._can_force))
        for block in self._blocks:
            self._backups.forget_same(block, keep_newest=bool(self._options.repository))
        deleted = [*self._deleted, *self._backups.deleted()]
        folders = self._new_folders()
        records = {block.file: block.record for block in self._blocks if block.record}
        made = tuple(dict.fromkeys((*self._known.folders, *folders)))
        final = replace(
            self._known,
            repository=self._options.repository or self._known.repository,
            choices=self._options.choices,
            files=self._records,
            blocks=records,
            folders=made,
            backups=self._backups.left(),
            edits=self._backups.edits(),
            is_finished=True,
        )
        pending = replace(
            final,
            files={**self._pending, **{p: r for p, r in self._records.items() if r.stat}},
            blocks={**self._known.blocks, **_merged(self._known, records)},
            backups=tuple(dict.fromkeys((*self._known.backups, *self._backups.left()))),
            is_finished=False,
        )
        is_over = not self._options.repository
        if is_over:
            self._notes += [f"{self._folder.real(each)} is kept" for each in self._backups.left()]
        emptied = sorted(self._known.folders, key=lambda path: path.count("/"), reverse=True)
        return SyncPlan(
            (*self._changes, *deleted),
            folders,
            tuple(emptied),
            pending,
            None if is_over else final,
            tuple(self._notes),
        )

    def _new_folders(self) -> tuple[str, ...]:
        """Return the missing folders, parents first."""
        missing: dict[str, None] = {}
        known: set[str] = set()
        for change in self._changes:
            parts = change.path.split("/")[:-1]
            for size in range(1, len(parts) + 1):
                path = "/".join(parts[:size])
                if path in known:
                    continue
                known.add(path)
                if self._folder.is_missing(path):
                    missing[path] = None
        return tuple(missing)


_IN_THE_WAY = {
    State.IN_THE_WAY: " is in the way and not a plain file; move it away",
    State.EDITED: " was changed there since it was deployed",
    State.FOREIGN: " is there already and is not ours",
}


def _merged(known: Manifest, records: dict[str, BlockRecord]) -> dict[str, BlockRecord]:
    merged: dict[str, BlockRecord] = {}
    for path, record in records.items():
        old = known.blocks.get(path)
        digests = tuple(dict.fromkeys((*(old.digests if old else ()), *record.digests)))
        merged[path] = replace(record, digests=digests)
    return merged


def _told(problems: Sequence[str], *, can_force: bool) -> str:
    told = list(problems[:_MOST_TOLD])
    if len(problems) > _MOST_TOLD:
        told.append(f"and {len(problems) - _MOST_TOLD} more")
    remedy = "correct these, then run the command again; --force does not help here"
    if can_force:
        remedy = "save wanted changes with pull-runtime, or give --force, which keeps a copy"
    lines = "\n  ".join(told)
    return f"nothing was written because of these obstacles:\n  {lines}\n{remedy}"
