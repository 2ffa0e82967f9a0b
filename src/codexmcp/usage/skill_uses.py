"""Skill uses in Codex's turns, read from growing rollouts.

Reads only. A skill counts once per turn: named by the prompt, or its file read by a command.

Source: Codex adds a named skill to the prompt as a message `<skill><name>…`, and classifies each
command, for example as reading a file (0.153.4, 0.163.0 and 0.171.0).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import dig, list_of, object_of, text_of
from codexmcp.usage.rollouts import find_rollouts

_NAMED = re.compile(r"<skill>\n<name>([^<\n]+)</name>")
_NAMED_MARK = b"<skill>\\n<name>"
_READ_MARKS = (b'"parsed_cmd"', b"SKILL.md")
_TURN_MARK = b'"turn_context"'
_SKILL_FILE = "SKILL.md"
_HEAD_BYTES = 256
_LONGEST_LINE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SkillUse:
    """A turn with a skill.

    Attributes:
        at: The time, in seconds since 1970.
        skill: The skill's name.
        cwd: The working directory of the turn; empty if unknown.
    """

    at: float
    skill: str
    cwd: str


@dataclass(slots=True)
class _Reading:
    """The read position of a rollout."""

    offset: int = 0
    cwd: str = ""
    turn: str = ""
    used: set[str] = field(default_factory=set[str])

    def take(self, line: bytes) -> Iterator[SkillUse]:
        is_turn = _TURN_MARK in line[:_HEAD_BYTES]
        is_read = all(mark in line for mark in _READ_MARKS)
        if not (is_turn or is_read or _NAMED_MARK in line):
            return
        try:
            entry = object_of(json.loads(line))
            at = datetime.fromisoformat(text_of(entry.get("timestamp")) or "").timestamp()
        except (ValueError, OverflowError, RecursionError):
            return
        payload = object_of(entry.get("payload"))
        if is_turn:
            self._enter(payload)
            return
        names = _read(payload) if is_read else _named(payload)
        for name in names:
            if name not in self.used:
                self.used.add(name)
                yield SkillUse(at, name, self.cwd)

    def _enter(self, payload: dict[str, Any]) -> None:
        self.cwd = text_of(payload.get("cwd")) or self.cwd
        turn = text_of(payload.get("turn_id")) or ""
        if turn != self.turn:
            self.turn = turn
            self.used.clear()


def _named(payload: dict[str, Any]) -> Iterator[str]:
    if payload.get("type") == "message" and payload.get("role") == "user":
        for part in list_of(payload.get("content")):
            found = _NAMED.match(text_of(object_of(part).get("text")) or "")
            if found:
                yield found[1]


def _read(payload: dict[str, Any]) -> Iterator[str]:
    for command in list_of(payload.get("parsed_cmd") or dig(payload, "item", "parsed_cmd")):
        path = PurePosixPath(text_of(object_of(command).get("path")) or "")
        if path.name == _SKILL_FILE and path.parent.name:
            yield path.parent.name


class SkillUses:
    """Skill uses of a Codex home from a given time on.

    Args:
        home: The Codex home.
        since: Unix time, exclusive.
    """

    def __init__(self, home: Path, since: float) -> None:
        self.latest = since
        self._home = home
        self._since = since
        self._known: dict[str, _Reading] = {}

    def new(self) -> list[SkillUse]:
        """Return the uses since the last call; checks every rollout."""
        uses: list[SkillUse] = []
        for rollout in find_rollouts(self._home).rollouts:
            reading = self._known.get(rollout.path)
            offset = 0 if reading is None else reading.offset
            is_old = reading is None and rollout.changed_ns / 1e9 < self._since
            if rollout.is_packed or is_old or rollout.size <= offset:
                continue
            reading = self._known.setdefault(rollout.path, _Reading())
            uses += self._read_on(rollout.path, reading)
        fresh = [use for use in uses if use.at > self._since]
        self.latest = max([self.latest, *(use.at for use in fresh)])
        return sorted(fresh, key=lambda use: use.at)

    def _read_on(self, path: str, reading: _Reading) -> Iterator[SkillUse]:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return
        with os.fdopen(descriptor, "rb") as file:
            file.seek(reading.offset)
            # An incomplete line is left for the next time.
            while (line := file.readline(_LONGEST_LINE_BYTES)) and (
                line.endswith(b"\n") or len(line) == _LONGEST_LINE_BYTES
            ):
                reading.offset += len(line)
                yield from reading.take(line)
