"""Codex's claim to fill its index of past conversations, which the start of app-server waits for.

Source (0.153.4, 0.163.0 and 0.169.0, measured): the first app-server of a Codex home notes in
`backfill_state` that it fills the index, some 200 conversations a second, and takes no client
before it is done. The others wait for 30 s and end with exit code 1. A note counts for 900 s after
it was last renewed, and names no process: when that one was killed, nobody can start meanwhile.
`codex exec` does not wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from codexmcp.appserver.launch import LaunchOptions

_PATIENCE_S = 1.0
_DMS_BYTE = 128
_EXPIRED = 0
_STEP = 10_000
_MAX_STEPS = 100
_NAME = re.compile(r"state_[0-9]{1,9}\.sqlite")
_RUNNING = " FROM backfill_state WHERE status = 'running' LIMIT 1"

# Closing a file drops the locks that this whole process has on it, also those of SQLite.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Backfill:
    """A claim that stands.

    Attributes:
        file: The database that it stands in.
        done_to: The conversation up to which the index is filled; empty before the first.
        renewed_at: When it was last renewed, in whole seconds since the epoch.
    """

    file: Path
    done_to: str
    renewed_at: int

    @property
    def has_expired(self) -> bool:
        """Whether it was given up already."""
        return self.renewed_at == _EXPIRED


def state_folder(options: LaunchOptions) -> Path | None:
    """Return where Codex keeps its databases; None when nobody else ever has them.

    Source: an override goes before the file and that before the variable; `~` is expanded in the
    first two, and a relative variable counts from the working directory (0.163.0).

    Args:
        options: How it is started.
    """
    home = options.home
    if home is None or options.prefix:
        # A path in the settings would be one of the container.
        return home
    for override in reversed(options.overrides):
        name, _, value = override.partition("=")
        if name.strip() == "sqlite_home":
            return _within(home, value.strip().strip("\"'"))
    config = home / "config.toml"
    with contextlib.suppress(OSError, ValueError):
        # Anything else, such as a pipe, could hold us up.
        setting = tomllib.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
        if isinstance(configured := setting.get("sqlite_home"), str):
            return _within(home, configured)
    named = options.env.get("CODEX_SQLITE_HOME")
    return (options.cwd or Path.cwd()) / named if named else home


def _within(home: Path, value: str) -> Path:
    with contextlib.suppress(RuntimeError):
        return home / Path(value).expanduser()
    return home / value


def standing_claim(folder: Path) -> Backfill | None:
    """Return the claim that stands; None when the index is filled, or nothing can be told.

    Args:
        folder: Where Codex keeps its databases. One behind a link is passed over: whoever works in
            a container could make a link in its home.
    """
    with _one_at_a_time:
        # The number is that of the layout, which rises with the versions of Codex.
        for file in sorted(_databases(folder), key=_layout, reverse=True):
            row = _asked(file, "SELECT last_watermark, updated_at" + _RUNNING)
            if row is not None and type(row[1]) is int:
                done_to = row[0] if isinstance(row[0], str) else ""
                return Backfill(file, done_to, row[1])
    return None


def is_abandoned(claim: Backfill) -> bool:
    """Return whether surely no process is left that could have made a claim.

    Source: sqlite's os_unix.c: every process that has a database in WAL mode open holds a shared
    lock on byte 128 of its `-shm` file. The kernel lets go of it with the process, also in a
    container.
    """
    with _one_at_a_time:
        if _asked(claim.file, "PRAGMA journal_mode") != ("wal",):
            return False
        try:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(f"{claim.file}-shm", flags)
        except FileNotFoundError:
            # The last one who closes the database deletes it.
            return True
        except OSError:
            return False
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _DMS_BYTE)
        except OSError:
            return False
        finally:
            os.close(fd)
        return True


def give_up(claim: Backfill) -> bool:
    """Have an abandoned claim expire, so that the next app-server goes on where it ended.

    Nothing else is changed, and a claim that was renewed meanwhile stays.

    Returns:
        Whether it was the claim that still stood.
    """
    change = "UPDATE backfill_state SET updated_at = ? WHERE status = 'running' AND updated_at = ?"
    with _one_at_a_time:
        given = (_EXPIRED, claim.renewed_at)
        return _asked(claim.file, f"{change} RETURNING updated_at", given) is not None


def _databases(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [
            Path(entry.path)
            for entry in os.scandir(folder)
            if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    return []


def _layout(file: Path) -> int:
    return int(file.stem.removeprefix("state_"))


def _asked(file: Path, statement: str, given: tuple[int, ...] = ()) -> tuple[Any, ...] | None:
    """Return the first row that a statement gives; None without one, or when it cannot be asked."""
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    # Never made here: Codex would take an empty file for its own.
    address = f"file:{quote(os.fspath(file))}?mode=rw"
    steps = itertools.count(1)
    with (
        contextlib.suppress(sqlite3.Error, OSError, ValueError, OverflowError),
        contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_PATIENCE_S, isolation_level=None)
        ) as connection,
    ):
        # What lies there may be made to have us calculate for ever.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_progress_handler(lambda: next(steps) > _MAX_STEPS, _STEP)
        rows = connection.execute(statement, given).fetchall()
        return None if not rows else tuple(rows[0])
    return None
