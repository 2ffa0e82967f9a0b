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
import os
import tomllib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import sqlite3

_PATIENCE_S = 1.0
_DMS_BYTE = 128
_EXPIRED = 0


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


def state_folder(home: Path, named: str | None) -> Path:
    """Return where Codex keeps its databases.

    Args:
        home: The Codex home.
        named: `CODEX_SQLITE_HOME` as Codex has it.
    """
    # Source: the setting goes before the variable (0.163.0).
    with contextlib.suppress(OSError, ValueError):
        setting = tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
        if isinstance(configured := setting.get("sqlite_home"), str):
            return home / configured
    return home / (named or "")


def standing_claim(folder: Path) -> Backfill | None:
    """Return the claim that stands; None when the index is filled, or nothing can be told.

    Args:
        folder: Where Codex keeps its databases.
    """
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    # The number is that of the layout, which rises with the versions of Codex.
    files = sorted(folder.glob("state_*.sqlite"), key=lambda file: (len(file.name), file.name))
    with contextlib.suppress(sqlite3.Error, OSError, ValueError):
        for file in files[-1:]:
            with _opened(file) as connection:
                row = connection.execute(
                    "SELECT last_watermark, updated_at FROM backfill_state WHERE status = 'running'"
                ).fetchone()
                return None if row is None else Backfill(file, str(row[0] or ""), int(row[1]))
    return None


def is_abandoned(claim: Backfill) -> bool:
    """Return whether surely no process is left that could have made a claim.

    Source: sqlite's os_unix.c: every process that has a database in WAL mode open holds a shared
    lock on byte 128 of its `-shm` file. The kernel lets go of it with the process, also in a
    container.
    """
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    try:
        with _opened(claim.file) as connection:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                return False
        # We ourselves have it closed again: closing the file here drops what we hold on it.
        fd = os.open(f"{claim.file}-shm", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # The last one who closes the database deletes it.
        return True
    except (sqlite3.Error, OSError):
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
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    with contextlib.suppress(sqlite3.Error), _opened(claim.file) as connection:
        done = connection.execute(
            "UPDATE backfill_state SET updated_at = ? WHERE status = 'running' AND updated_at = ?",
            (_EXPIRED, claim.renewed_at),
        )
        return done.rowcount == 1
    return False


@contextlib.contextmanager
def _opened(file: Path) -> Generator[sqlite3.Connection]:
    import sqlite3  # noqa: PLC0415 - 3 ms, and most starts do not need it

    # Never made here: Codex would take an empty file for its own.
    address = f"file:{quote(os.fspath(file))}?mode=rw"
    with contextlib.closing(
        sqlite3.connect(address, uri=True, timeout=_PATIENCE_S, isolation_level=None)
    ) as connection:
        yield connection
