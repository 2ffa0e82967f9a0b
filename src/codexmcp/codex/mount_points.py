"""Removal of the sandbox's leftovers in a project, after Codex has killed its own helper.

Source: see `codexmcp.appserver.sandboxes`. Codex also kills a helper on its own: to make room for a
new sub-agent, it unloads a finished sub-agent with a background command (0.163.0 and 0.171.0). Only
folders are removed that are empty, absent before the work in the project, and not in use by a
sandbox, whose protection would be lost otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from codexmcp.appserver.sandboxes import is_sandboxed
from codexmcp.data_classes import dataclass

logger = logging.getLogger(__name__)

NAMES = (".git", ".codex", ".agents", ".aws")


@dataclass(slots=True)
class _Project:
    """A folder with work, or with a sandbox left at work.

    Attributes:
        foreign: Names absent before the work.
        works: Number of active users.
    """

    foreign: frozenset[str]
    works: int = 0


class MountPoints:
    """The mount points in this process's projects."""

    def __init__(self) -> None:
        self._projects: dict[str, _Project] = {}

    @contextlib.asynccontextmanager
    async def at_work(self, folder: str) -> AsyncGenerator[None, None]:
        """Work in a folder during the block, and remove mount points afterwards.

        Args:
            folder: Absolute path of a project; empty if unknown.
        """
        if not folder:
            yield
            return
        if (project := self._projects.get(folder)) is None:
            foreign = await asyncio.to_thread(_absent, folder)
            project = self._projects.setdefault(folder, _Project(foreign))
        project.works += 1
        try:
            yield
        finally:
            project.works -= 1
            await self.remove(folder)

    async def remove(self, folder: str) -> None:
        """Remove the mount points in a folder without active work or running commands."""
        project = self._projects.get(folder)
        if project is None or project.works:
            return
        # Otherwise the project stays recorded until the end of the command.
        if await asyncio.to_thread(_remove, folder, project.foreign) and not project.works:
            self._projects.pop(folder, None)


def _absent(folder: str) -> frozenset[str]:
    if "\0" in folder:
        # Codex accepts even an impossible path.
        return frozenset()
    return frozenset(name for name in NAMES if not os.path.lexists(f"{folder}/{name}"))


def _remove(folder: str, foreign: frozenset[str]) -> bool:
    """Remove unused mount points; return whether all are gone."""
    left = [path for path in (Path(folder, name) for name in foreign) if _is_empty(path)]
    if left and is_sandboxed(folder):
        return False
    for path in left:
        with contextlib.suppress(OSError):
            path.rmdir()
            logger.info("removed %s, which a sandbox of Codex had left", path)
    return True


def _is_empty(path: Path) -> bool:
    try:
        return not path.is_symlink() and not any(path.iterdir())
    except OSError:
        return False
