"""What a deliberate difference is, and which changes it explains. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.conformance.diff import ANYTHING, Change

ALL = frozenset({"same", "bundled", "npm", "newest", "strict"})
DEFAULT = ALL - {"strict"}
LATER = frozenset({"bundled", "npm", "newest"})
LATEST = LATER - {"bundled"}


@dataclass(frozen=True, slots=True)
class Rule:
    """Changes of one kind.

    Attributes:
        path: Regular expression of the whole path.
        native: The removed server's value; a compiled expression for a text.
        ours: Ours, likewise.
        only: Regular expression of the whole name of the scenarios and questions in which it holds.
    """

    path: str
    native: Any = ANYTHING
    ours: Any = ANYTHING
    only: str = ".*"

    def explains(self, name: str, change: Change) -> bool:
        """Return whether a change in a scenario or question is of this kind."""
        return (
            re.fullmatch(self.only, name, re.DOTALL) is not None
            and re.fullmatch(self.path, change.path, re.DOTALL) is not None
            and _fits(self.native, change.native)
            and _fits(self.ours, change.ours)
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """One deliberate difference.

    Attributes:
        id: A short name.
        native: What the removed server does.
        ours: What ours does.
        reason: Why.
        rules: The changes that it makes.
        seen_in: Names of scenarios and questions that show it: each rule in one of them at least.
        builds: The builds of ours that differ in this way.
    """

    id: str
    native: str
    ours: str
    reason: str
    rules: tuple[Rule, ...]
    seen_in: tuple[str, ...]
    builds: frozenset[str] = ALL


def unexplained(
    differences: Iterable[Difference], name: str, build: str, found: Iterable[Change]
) -> Iterator[Change]:
    """Yield the changes in a scenario or question that no difference explains."""
    rules = [rule for d in differences if build in d.builds for rule in d.rules]
    for change in found:
        if not any(rule.explains(name, change) for rule in rules):
            yield change


def _fits(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.fullmatch(value) is not None
    return bool(wanted == value)
