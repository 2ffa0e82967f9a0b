"""Faults of skills and their severity. Pure values."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from codexmcp.data_classes import dataclass


class Severity(StrEnum):
    """The consequence of a fault."""

    DROPPED = "dropped"
    """Codex omits the skill: the model does not know of the skill."""
    BROKEN = "broken"
    """Codex lists the skill, with a part that fails or is not allowed."""
    ADVICE = "advice"
    """The skill works with this Codex, but perhaps not elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A single fault.

    Attributes:
        severity: The consequence.
        path: The file or folder.
        line: The line of the file, from 1; None for the whole file.
        what: The problem, in one line.
        remedy: The remedy, in one line.
    """

    severity: Severity
    path: Path
    line: int | None
    what: str
    remedy: str

    @property
    def counts(self) -> bool:
        """True if the fault fails a check."""
        return self.severity is not Severity.ADVICE


def dropped(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return a fault of a skill omitted by Codex."""
    return Fault(Severity.DROPPED, path, line, what, remedy)


def broken(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return a fault of a listed skill."""
    return Fault(Severity.BROKEN, path, line, what, remedy)


def advice(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return a recommendation for a working skill."""
    return Fault(Severity.ADVICE, path, line, what, remedy)
