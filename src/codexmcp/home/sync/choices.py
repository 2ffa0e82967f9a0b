"""A user's persistent choices for a deployment.

Pure.
"""

from __future__ import annotations

from codexmcp.data_classes import dataclass


@dataclass(frozen=True, slots=True)
class SyncChoices:
    """Persistent options of a deployment.

    Attributes:
        native_memories: Deploy memories to Codex's own store.
        report_use: Have skills report their use.
    """

    native_memories: bool = False
    report_use: bool = True
