"""A container's Codex home: an own folder with the conversations, and nothing else.

Owns the folder's contents between two containers. Promises: settings, skills and logins left in the
folder, possibly by a command, do not return; the image's apply. Linux only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.own_files import open_lock

FOLDER_NAME = "container-homes"
"""The folder beside the store of runs with a home for each workspace."""

_KEPT = {
    "sessions",
    "archived_sessions",
    "session_index.jsonl",
    "thread-writer-locks",
    "installation_id",
}
_KEPT_DATABASE = re.compile(r"(state|thread_history|goals|queue)_\d+\.sqlite(-wal|-shm)?")
"""Codex's thread databases. Source: the homes of 0.153.4, 0.163.0 and 0.169.0."""


LOCK_TIMEOUT_S = 5.0
"""Bound on the wait for another process that clears the home, which takes milliseconds."""

_POLL_S = 0.01


@contextlib.asynccontextmanager
async def container_home(home: Path) -> AsyncGenerator[None, None]:
    """Prepare a home for the block: created if missing, otherwise cleared except for threads.

    A home in use by another container is unchanged.

    Args:
        home: Absolute path of the home.

    Raises:
        ConfigurationError: The home cannot be created or cleared.
    """
    lock = _open_lock(home)
    try:
        if _locked(lock, fcntl.LOCK_EX):
            clear(home)
        await _share(lock, home)
        yield
    finally:
        os.close(lock)


def _open_lock(home: Path) -> int:
    try:
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        return open_lock(home.with_suffix(".lock"))
    except OSError as error:
        raise _unusable(home, error) from error


def _locked(lock: int, kind: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return True
    return False


async def _share(lock: int, home: Path) -> None:
    try:
        async with asyncio.timeout(LOCK_TIMEOUT_S):
            while not _locked(lock, fcntl.LOCK_SH):  # noqa: ASYNC110 - a lock has no event
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise ConfigurationError(
            f"another process has been clearing {home}, the Codex home of the container, for "
            f"{LOCK_TIMEOUT_S:g} s; end it and try again"
        ) from None


def clear(home: Path) -> None:
    """Remove everything from a home except threads.

    Raises:
        ConfigurationError: An entry cannot be removed.
    """
    try:
        for entry in home.iterdir():
            if not is_kept(entry.name):
                _remove(entry)
    except OSError as error:
        raise _unusable(home, error) from error


def is_kept(name: str) -> bool:
    """Return whether a home's entry outlives the container."""
    return name in _KEPT or _KEPT_DATABASE.fullmatch(name) is not None


def _remove(entry: Path) -> None:
    if entry.is_symlink() or not entry.is_dir():
        entry.unlink(missing_ok=True)
    else:
        shutil.rmtree(entry)


def _unusable(home: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot prepare the container's Codex home {home}: {error}; remove the obstacle, or the "
        "whole folder together with its conversations"
    )
