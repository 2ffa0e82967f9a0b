"""Telemetry in `persist.json`: many events, few writes, atomic replacement.

Guarantees: a kill leaves the old or the new file; a single server writes the file; an unreadable
file is moved aside, not overwritten; a full disk affects telemetry only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home.atomic_write import put
from codexmcp.http.skill_log import CLIENT, Repeats
from codexmcp.http.telemetry import LONGEST, Event, EventError, Telemetry, TelemetryKind, from_json
from codexmcp.own_files import open_lock
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.usage.skill_uses import SkillUse

logger = logging.getLogger(__name__)

NAME = "persist.json"
PAUSE_S = 0.25
"""Time between an event and its write."""

MAX_BYTES = 4 * 1024 * 1024


class Persisted:
    """Telemetry stored in a file.

    Args:
        path: The file.
        redactor: Removes likely secrets.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self.telemetry = Telemetry()
        self.fault = ""
        self._redactor = redactor
        self._has_news = False
        self._repeats = Repeats()
        self._closing = asyncio.Event()

    def add(self, event: Event) -> None:
        """Add an event; the write follows soon."""
        fields = event.fields
        is_codex = event.kind is TelemetryKind.COMMAND and fields.get("client") == CLIENT
        if not (is_codex and self._repeats.has(fields["command"], event.at, by_rollout=False)):
            self._add(event)

    def add_use(self, use: SkillUse) -> None:
        """Add a skill use found in a rollout; the write follows soon."""
        if not self._repeats.has(use.skill, use.at, by_rollout=True):
            texts = {"command": use.skill, "client": CLIENT, "project": use.cwd}
            fields = {name: text[:LONGEST] for name, text in texts.items() if text}
            self._add(Event(TelemetryKind.COMMAND, use.at, fields))

    def _add(self, event: Event) -> None:
        clean = {name: self._redactor.text(text) for name, text in event.fields.items()}
        self.telemetry.add(Event(event.kind, event.at, clean))
        self._has_news = True

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None, None]:
        """Load the file, write it while the block runs, and again at the end.

        Raises:
            ConfigurationError: Another server writes the file, or its folder is not usable.
        """
        with _only_one(self.path):
            self.telemetry = await asyncio.to_thread(_read, self.path)
            writing = asyncio.create_task(self._write_news())
            try:
                yield
            finally:
                self._closing.set()
                await asyncio.shield(writing)

    async def _write_news(self) -> None:
        """Write changes until the block ends, a single write at a time."""
        while not self._closing.is_set():
            if self._has_news:
                await self._write()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self._closing.wait()
        if self._has_news:
            await self._write()

    async def _write(self) -> None:
        self._has_news = False
        text = json.dumps(self.telemetry.to_json(), ensure_ascii=False, indent=1)
        try:
            await asyncio.to_thread(put, str(self.path), text.encode(errors="replace"))
        except OSError as error:
            if not self.fault:
                logger.warning("%s cannot be written: %s", self.path, error.strerror)
            self.fault = f"{NAME} cannot be written: {error.strerror}"
            self._has_news = True
        else:
            self.fault = ""


def _read(path: Path) -> Telemetry:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Telemetry()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror}); make it a plain file of this user"
        ) from error
    try:
        if len(data) > MAX_BYTES:
            raise EventError(f"it is larger than {MAX_BYTES} bytes")
        return from_json(json.loads(data))
    except (ValueError, RecursionError) as error:
        aside = path.with_name(f"{NAME}.broken")
        path.replace(aside)
        logger.warning("%s is invalid (%s); it was moved to %s", path, error, aside)
        return Telemetry()


@contextlib.contextmanager
def _only_one(path: Path) -> Generator[None, None, None]:
    """Be the only writer of a file while the block runs."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = open_lock(path.with_name(f"{path.name}.lock"))
    except OSError as error:
        raise ConfigurationError(
            f"the folder of {path} cannot be used ({error.strerror}); make it one that this user "
            "may write to"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another `codexmcp serve --http` of this Codex home writes {path}; use that "
                "server, or end it with `codexmcp serve --stop`"
            ) from None
        yield
    finally:
        os.close(fd)
