"""Reports by clients: portfolio files read, commands used, the active project.

Pure. Any local program can send reports, so they are telemetry without audit quality. Their number
is bounded, and only short plain texts are accepted.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import integer_of, list_of, object_of, text_of

VERSION = 1
KEPT_EVENTS = 1000
KEPT_NAMES = 500
LONGEST = 200
"""Bound on the characters of a text."""

OTHER = "(others)"
"""The common name for further names beyond the bound."""


class TelemetryKind(StrEnum):
    """The kind of report, by path."""

    PORTFOLIO_READ = "portfolio-read"
    COMMAND = "command-log"
    PROJECT = "set-project"


FIELDS: Mapping[TelemetryKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    TelemetryKind.PORTFOLIO_READ: (("file",), ("client",)),
    TelemetryKind.COMMAND: (("command",), ("client", "project")),
    TelemetryKind.PROJECT: (("project",), ("client",)),
}
"""The required and the optional fields of each kind."""


class EventError(ValueError):
    """An invalid report."""


@dataclass(frozen=True, slots=True)
class Event:
    """A report.

    Attributes:
        kind: The kind.
        at: The time, in seconds since 1970.
        fields: The texts.
    """

    kind: TelemetryKind
    at: float
    fields: Mapping[str, str]


def parse_event(kind: TelemetryKind, body: object, at: float) -> Event:
    """Return a decoded report.

    Raises:
        EventError: A field is missing, unknown, too long, or not plain text.
    """
    required, optional = FIELDS[kind]
    given = object_of(body)
    wanted = f"send {json.dumps(dict.fromkeys(required, '...'))}"
    if optional:
        wanted += f", and if you like {' and '.join(optional)}"
    for name in given:
        if name not in required + optional:
            raise EventError(f"there is no field {name[:40]!r} here; {wanted}")
    for name in required:
        if not given.get(name):
            raise EventError(f"the field {name!r} is missing; {wanted}")
    return Event(kind, at, {name: _plain(name, value) for name, value in given.items()})


def _plain(name: str, value: object) -> str:
    text = text_of(value)
    if text is None or len(text) > LONGEST or not text.isprintable():
        raise EventError(f"{name!r} must be a text of at most {LONGEST} printable characters")
    return text


@dataclass(slots=True)
class Telemetry:
    """All reports.

    Attributes:
        project: The active project; empty if unknown.
        counts: The number of reports, by kind and name.
        events: The latest reports, oldest first.
        skills_until: The end of the last scan of rollouts for skill uses, in seconds since 1970;
            None before the first scan.
    """

    project: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    events: deque[dict[str, Any]] = field(
        default_factory=lambda: deque[dict[str, Any]](maxlen=KEPT_EVENTS), repr=False
    )
    skills_until: float | None = None

    def add(self, event: Event) -> None:
        """Add a report."""
        fields = event.fields
        if event.kind is TelemetryKind.PROJECT:
            self.project = fields["project"]
        name = fields[FIELDS[event.kind][0][0]]
        counts = self.counts.setdefault(event.kind, {})
        if name not in counts and len(counts) >= KEPT_NAMES:
            name = OTHER
        counts[name] = counts.get(name, 0) + 1
        self.events.append({"at": round(event.at, 3), "kind": str(event.kind), **fields})

    def last(self, limit: int = KEPT_EVENTS) -> list[dict[str, Any]]:
        """Return the latest reports, newest first."""
        return list(reversed(self.events))[:limit]

    def to_json(self) -> dict[str, Any]:
        """Return the file format."""
        return {
            "version": VERSION,
            "project": self.project,
            "counts": self.counts,
            "events": list(self.events),
            "skillsUntil": self.skills_until,
        }


def from_json(value: object) -> Telemetry:
    """Return telemetry from the file format.

    Raises:
        EventError: The format is invalid.
    """
    kept = object_of(value)
    if kept.get("version") != VERSION:
        raise EventError(f"its version is {kept.get('version')!r}, and not {VERSION}")
    counts = object_of(kept.get("counts"))
    telemetry = Telemetry(project=(text_of(kept.get("project")) or "")[:LONGEST])
    until = kept.get("skillsUntil")
    telemetry.skills_until = float(until) if isinstance(until, int | float) else None
    for kind in TelemetryKind:
        if found := _counts(counts.get(kind)):
            telemetry.counts[kind] = found
    telemetry.events.extend(each for each in map(object_of, list_of(kept.get("events"))) if each)
    return telemetry


def _counts(value: object) -> dict[str, int]:
    counts = list(object_of(value).items())[: KEPT_NAMES + 1]
    return {name[:LONGEST]: count for name, count in counts if integer_of(count) is not None}
