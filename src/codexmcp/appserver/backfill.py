"""Codex's claim on indexing past conversations; the start of app-server waits for the index.

Source (0.153.4, 0.163.0 and 0.169.0, measured): the first app-server of a Codex home records a
claim in `backfill_state`, indexes about 200 conversations a second, and accepts no client before
the end. Other app-servers wait for 30 s and end with exit code 1. A claim is valid for 900 s after
its last renewal, and has no process id: after a kill of the owner, no app-server can start during
that time. `codex exec` does not wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import threading
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.data_classes import dataclass
from codexmcp.own_files import open_lock

_PATIENCE_S = 1.0
_DMS_BYTE = 128
_EXPIRED = 0
_STEP = 10_000
_MAX_STEPS = 100
_NAME = re.compile(r"state_[0-9]{1,9}\.sqlite")
_RUNNING = " FROM backfill_state WHERE status = 'running' LIMIT 1"

# Closing a file drops all locks of this process on the file, also SQLite's.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Backfill:
    """A valid claim.

    Attributes:
        file: The database with the claim.
        done_to: The last indexed conversation; empty before the first.
        renewed_at: Time of the last renewal, in whole seconds since the epoch.
    """

    file: Path
    done_to: str
    renewed_at: int

    @property
    def has_expired(self) -> bool:
        """The claim was already given up."""
        return self.renewed_at == _EXPIRED


def state_folder(options: LaunchOptions) -> Path | None:
    """Return Codex's folder of databases; None if inaccessible from here.

    Source: order of precedence: an override, the file, the variable; `~` is expanded in the first
    two, and a relative variable is relative to the working directory (0.163.0).

    Args:
        options: Launch options of app-server.
    """
    home = options.home
    if home is None or options.prefix:
        # A path in the settings would be a path in the container.
        return home
    for override in reversed(options.overrides):
        name, _, value = override.partition("=")
        if name.strip() == "sqlite_home":
            return _within(home, value.strip().strip("\"'"))
    config = home / "config.toml"
    with contextlib.suppress(OSError, ValueError):
        # Regular files only: a pipe, for example, could block.
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
    """Return the valid claim; None if the index is complete, or unreadable.

    Args:
        folder: Codex's folder of databases. Links are ignored: a command in a container could
            create a link in its home.
    """
    with _one_at_a_time:
        # The number is the layout's, which increases with Codex's versions.
        for file in sorted(_databases(folder), key=_layout, reverse=True):
            row = _asked(file, "SELECT last_watermark, updated_at" + _RUNNING)
            if row is not None and type(row[1]) is int:
                done_to = row[0] if isinstance(row[0], str) else ""
                return Backfill(file, done_to, row[1])
    return None


def is_abandoned(claim: Backfill) -> bool:
    """Return whether certainly no process is left that could own a claim.

    Source: sqlite's os_unix.c: every process with an open database in WAL mode holds a shared lock
    on byte 128 of the `-shm` file. The kernel releases the lock with the process, also in a
    container.
    """
    with _one_at_a_time:
        if _asked(claim.file, "PRAGMA journal_mode") != ("wal",):
            return False
        try:
            fd = open_lock(Path(f"{claim.file}-shm"), os.O_RDWR)
        except FileNotFoundError:
            # The last process to close the database deletes the file.
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
    """Let an abandoned claim expire; the next app-server continues from there.

    Changes nothing else; a renewed claim is unchanged.

    Returns:
        True if the claim was still valid.
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
    """Return the first row of a statement's result; None without a row, or after an error."""
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    # Never create the file: Codex would use an empty file.
    address = f"file:{quote(os.fspath(file))}?mode=rw"
    steps = itertools.count(1)
    with (
        contextlib.suppress(sqlite3.Error, OSError, ValueError, OverflowError),
        contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_PATIENCE_S, isolation_level=None)
        ) as connection,
    ):
        # A hostile database could cause an endless computation.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_progress_handler(lambda: next(steps) > _MAX_STEPS, _STEP)
        rows = connection.execute(statement, given).fetchall()
        return None if not rows else tuple(rows[0])
    return None
