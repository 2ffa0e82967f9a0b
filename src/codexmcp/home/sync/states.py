"""How what is there compares with what shall be there and with what was deployed.

Pure.

    shall be there                              shall not
    ├── nothing there     NEW, MISSING          ├── nothing there   GONE
    ├── no plain file     IN_THE_WAY            ├── as deployed     STALE
    ├── the same          CURRENT, SAME         └── changed         STALE_EDITED
    ├── as deployed       OUTDATED
    └── something else    EDITED, FOREIGN
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from codexmcp.home.sync.deployed import Seen, There
from codexmcp.home.sync.manifest import Record
from codexmcp.home.sync.wanted import WantedFile


class State(Enum):
    """What is to be said of a file or a block."""

    CURRENT = "current"
    """It is as it shall be."""
    SAME = "same"
    """The owner has put just this there."""
    NEW = "new"
    """It has not been deployed yet."""
    MISSING = "missing"
    """It was deployed and is gone."""
    OUTDATED = "outdated"
    """It is as it was deployed, and the repository has changed since."""
    EDITED = "edited"
    """It was changed where it was deployed to."""
    FOREIGN = "foreign"
    """The owner has something else there."""
    IN_THE_WAY = "in-the-way"
    """Something is there that no file can take the place of."""
    STALE = "stale"
    """It was deployed, and the repository has it no more."""
    STALE_EDITED = "stale-edited"
    """It was deployed and changed there, and the repository has it no more."""
    GONE = "gone"
    """It was deployed and is gone, and the repository has it no more."""
    REWRITTEN = "rewritten"
    """Codex has written the block's tables anew and dropped its markers; a push repairs it."""
    BROKEN = "broken"
    """The file cannot be understood, or the block cannot stand in it."""


SETTLED = frozenset({State.CURRENT, State.SAME, State.GONE})
"""States that are no drift."""

NEEDS_FORCE = frozenset({State.EDITED, State.FOREIGN})
"""States in which writing would take the owner's words from their place."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as it shall be.

    Attributes:
        path: The file, relative to the client's folder.
        state: How it is.
        detail: What more there is to say.
    """

    path: str
    state: State
    detail: str = ""


def file_state(wanted: WantedFile | None, record: Record | None, seen: Seen) -> State:
    """Return the state of a file.

    Args:
        wanted: What shall be there; None for nothing.
        record: What was deployed there; None for nothing.
        seen: What is there.
    """
    is_ours = record is not None and seen.digest in record.digests
    if wanted is None:
        if seen.there is There.NOTHING:
            return State.GONE
        return State.STALE if is_ours else State.STALE_EDITED
    if seen.there is There.NOTHING:
        return State.NEW if record is None else State.MISSING
    if seen.there is There.OTHER:
        return State.IN_THE_WAY
    is_same = seen.digest == wanted.digest
    if is_same and seen.is_executable == wanted.is_executable:
        return State.SAME if record is None else State.CURRENT
    if record is not None and (is_ours or is_same):
        return State.OUTDATED
    return State.FOREIGN if record is None else State.EDITED
