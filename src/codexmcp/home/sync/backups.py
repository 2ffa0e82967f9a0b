"""Copies of the owner's files: names and obsolete copies.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from codexmcp.home.sync.block_plans import BlockPlan, without_block
from codexmcp.home.sync.change import SyncChange
from codexmcp.home.sync.deployed import Folder
from codexmcp.home.sync.wanted import digest_of

_MARK = ".bak-"


class Backups:
    """The existing copies and the copies made by a plan.

    Args:
        folder: The client's folder.
        known: Copies from earlier pushes.
        edits: Copies with the only version of a block edited by the owner.
        now: The time in the names of new copies.
    """

    def __init__(
        self, folder: Folder, known: Sequence[str], edits: Sequence[str], now: datetime
    ) -> None:
        self._folder = folder
        self._stamp = now.strftime("%Y%m%dT%H%M%SZ")
        self._old = [path for path in known if folder.exists(path)]
        self._edits = set(edits)
        self._new: list[str] = []
        self._dropped: list[str] = []

    def name(self, path: str, *, is_edit: bool = False) -> str:
        """Return the name of a new copy of a file.

        Args:
            path: The file.
            is_edit: The file has a block edited by the owner.
        """
        first = f"{path}{_MARK}{self._stamp}"
        number, name = 1, first
        while name in self._new or self._folder.exists(name):
            number += 1
            name = f"{first}-{number}"
        self._new.append(name)
        if is_edit:
            self._edits.add(name)
        return name

    def restore(self, backup: str | None) -> bytes | None:
        """Return the contents to restore from a copy; None without a copy."""
        if backup is None or not self._folder.exists(backup):
            return None
        self._dropped.append(backup)
        return self._folder.read(backup)

    def was_restored(self, backup: str | None, digest: str) -> bool:
        """Return True if a copy was already restored, and drop the copy in this case.

        Args:
            backup: The copy, or None.
            digest: The digest of the file in its place.
        """
        if backup is None or not self._folder.exists(backup):
            return False
        if digest_of(self._folder.read(backup)) != digest:
            return False
        self._dropped.append(backup)
        return True

    def forget_same(self, block: BlockPlan, *, keep_newest: bool) -> None:
        """Drop copies with no difference from the file except our deployed block.

        Args:
            block: The plan of the file.
            keep_newest: Keep the newest copy.
        """
        old = sorted(path for path in self._old if path.rpartition(_MARK)[0] == block.file)
        is_kept = any(path.rpartition(_MARK)[0] == block.file for path in self._new)
        for path in old[:-1] if keep_newest and not is_kept else old:
            if path in self._dropped or path in self._edits:
                continue
            kept = without_block(self._folder.read(path), block.name, block.kind)
            if kept == block.owners:
                self._dropped.append(path)

    def deleted(self) -> Iterator[SyncChange]:
        """Yield the deletions of the dropped copies."""
        for path in self._dropped:
            yield SyncChange(path, self._folder.real(path), self._folder.read(path), None)

    def edits(self) -> tuple[str, ...]:
        """Return the copies kept because of an edit."""
        return tuple(path for path in self.left() if path in self._edits)

    def left(self) -> tuple[str, ...]:
        """Return the remaining copies."""
        return tuple(path for path in [*self._old, *self._new] if path not in self._dropped)
