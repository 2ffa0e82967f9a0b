"""States: comparison of the current with the wanted and the deployed contents.

Pure.

    wanted                                      not wanted
    ├── nothing there     NEW, MISSING          ├── nothing there   GONE
    ├── not a plain file  IN_THE_WAY            ├── as deployed     STALE
    ├── the same          CURRENT, SAME         └── changed         STALE_EDITED
    ├── as deployed       OUTDATED
    └── another content   EDITED, FOREIGN
"""

from __future__ import annotations

from enum import Enum

from codexmcp.data_classes import dataclass
from codexmcp.home.sync.deployed import DeployedEntry, EntryKind
from codexmcp.home.sync.manifest import ManifestRecord
from codexmcp.home.sync.wanted import WantedFile


class State(Enum):
    """The state of a file or a block."""

    CURRENT = "current"
    """Deployed and up to date."""
    SAME = "same"
    """The owner's own file has the same contents."""
    NEW = "new"
    """Not deployed yet."""
    MISSING = "missing"
    """Deployed, and missing now."""
    OUTDATED = "outdated"
    """Unchanged since its deployment, while the repository has changed."""
    EDITED = "edited"
    """Changed since its deployment."""
    FOREIGN = "foreign"
    """The owner's own file has other contents."""
    IN_THE_WAY = "in-the-way"
    """The path has an entry that a file cannot replace."""
    STALE = "stale"
    """Deployed, and removed from the repository."""
    STALE_EDITED = "stale-edited"
    """Deployed and changed, and removed from the repository."""
    GONE = "gone"
    """Deployed and missing now, and removed from the repository."""
    REWRITTEN = "rewritten"
    """Codex rewrote the block's tables and dropped its markers; a push repairs the block."""
    BROKEN = "broken"
    """The file is not parseable, or the block is not possible in it."""


SETTLED = frozenset({State.CURRENT, State.SAME, State.GONE})
"""States without drift."""

NEEDS_FORCE = frozenset({State.EDITED, State.FOREIGN})
"""States in which writing would replace the owner's text."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference from the wanted contents.

    Attributes:
        path: The file, relative to the client's folder.
        state: The state.
        detail: Further details.
    """

    path: str
    state: State
    detail: str = ""


def file_state(
    wanted: WantedFile | None, record: ManifestRecord | None, seen: DeployedEntry
) -> State:
    """Return the state of a file.

    Args:
        wanted: The wanted file, or None.
        record: The deployed file, or None.
        seen: The current file.
    """
    is_ours = record is not None and seen.digest in record.digests
    if wanted is None:
        if seen.there is EntryKind.NOTHING:
            return State.GONE
        return State.STALE if is_ours else State.STALE_EDITED
    if seen.there is EntryKind.NOTHING:
        return State.NEW if record is None else State.MISSING
    if seen.there is EntryKind.OTHER:
        return State.IN_THE_WAY
    is_same = seen.digest == wanted.digest
    if is_same and seen.is_executable == wanted.is_executable:
        return State.SAME if record is None else State.CURRENT
    if record is not None and (is_ours or is_same):
        return State.OUTDATED
    return State.FOREIGN if record is None else State.EDITED
