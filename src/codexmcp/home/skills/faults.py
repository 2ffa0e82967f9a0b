"""What can be wrong with a skill, and how much that matters. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """What a fault costs."""

    DROPPED = "dropped"
    """Codex leaves the skill out: the model never hears of it."""
    BROKEN = "broken"
    """Codex lists the skill, and something about it will not work or must not be there."""
    ADVICE = "advice"
    """It works with this Codex, and may not elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        severity: What it costs.
        path: The file or folder.
        line: The line of the file, from 1; None when it is about all of it.
        what: What is wrong, in one line.
        remedy: What to do about it, in one line.
    """

    severity: Severity
    path: Path
    line: int | None
    what: str
    remedy: str

    @property
    def counts(self) -> bool:
        """Whether a check fails because of it."""
        return self.severity is not Severity.ADVICE


def dropped(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return a fault that makes Codex leave the skill out."""
    return Fault(Severity.DROPPED, path, line, what, remedy)


def broken(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return a fault of a skill that Codex lists."""
    return Fault(Severity.BROKEN, path, line, what, remedy)


def advice(path: Path, what: str, remedy: str, line: int | None = None) -> Fault:
    """Return what should be better, and works as it is."""
    return Fault(Severity.ADVICE, path, line, what, remedy)
