"""What a person decides about a deployment, and what holds for later ones too.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choices:
    """How to deploy.

    Attributes:
        native_memories: Whether memories go to where Codex keeps its own.
        report_use: Whether skills ask for a report of their use.
    """

    native_memories: bool = False
    report_use: bool = True
