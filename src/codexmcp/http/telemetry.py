"""What clients tell of themselves: portfolio files read, commands used, the project at work.

Pure. Anybody on this machine can tell it, so it is telemetry and no audit; it is bounded, and only
short plain texts are taken.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from codexmcp.jsonvalues import integer_of, list_of, object_of, text_of

VERSION = 1
KEPT_EVENTS = 1000
KEPT_NAMES = 500
LONGEST = 200
"""Characters of one text."""

OTHER = "(others)"
"""What is counted together once there are too many names."""


class Kind(StrEnum):
    """What is told, by its path."""

    PORTFOLIO_READ = "portfolio-read"
    COMMAND = "command-log"
    PROJECT = "set-project"


FIELDS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.PORTFOLIO_READ: (("file",), ("client",)),
    Kind.COMMAND: (("command",), ("client", "project")),
    Kind.PROJECT: (("project",), ("client",)),
}
"""The fields of each that must be there, and those that may be."""


class EventError(ValueError):
    """What was told cannot be used."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was told.

    Attributes:
        kind: What.
        at: When, as seconds since 1970.
        fields: Its texts.
    """

    kind: Kind
    at: float
    fields: Mapping[str, str]


def parse_event(kind: Kind, body: object, at: float) -> Event:
    """Return what was told.

    Raises:
        EventError: A field is missing, unknown, too long or no plain text.
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
    """All that was told.

    Attributes:
        project: The project at work; empty while nobody has said.
        counts: How often what was told, by kind and name.
        events: The last events, the oldest first.
    """

    project: str = ""
    counts: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    events: deque[dict[str, Any]] = field(
        default_factory=lambda: deque[dict[str, Any]](maxlen=KEPT_EVENTS), repr=False
    )

    def add(self, event: Event) -> None:
        """Take an event in."""
        fields = event.fields
        if event.kind is Kind.PROJECT:
            self.project = fields["project"]
        name = fields[FIELDS[event.kind][0][0]]
        counts = self.counts.setdefault(event.kind, {})
        if name not in counts and len(counts) >= KEPT_NAMES:
            name = OTHER
        counts[name] = counts.get(name, 0) + 1
        self.events.append({"at": round(event.at, 3), "kind": str(event.kind), **fields})

    def last(self, limit: int = KEPT_EVENTS) -> list[dict[str, Any]]:
        """Return the last events, the newest first."""
        return list(reversed(self.events))[:limit]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "version": VERSION,
            "project": self.project,
            "counts": self.counts,
            "events": list(self.events),
        }


def from_json(value: object) -> Telemetry:
    """Return what was kept.

    Raises:
        EventError: It was not kept by us.
    """
    kept = object_of(value)
    if kept.get("version") != VERSION:
        raise EventError(f"its version is {kept.get('version')!r}, and not {VERSION}")
    counts = object_of(kept.get("counts"))
    telemetry = Telemetry(project=(text_of(kept.get("project")) or "")[:LONGEST])
    for kind in Kind:
        if found := _counts(counts.get(kind)):
            telemetry.counts[kind] = found
    telemetry.events.extend(each for each in map(object_of, list_of(kept.get("events"))) if each)
    return telemetry


def _counts(value: object) -> dict[str, int]:
    counts = list(object_of(value).items())[: KEPT_NAMES + 1]
    return {name[:LONGEST]: count for name, count in counts if integer_of(count) is not None}
