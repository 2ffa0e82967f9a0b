"""The file of the store of runs: making it private, opening, and setting a corrupt file aside.

Errors of sqlite3 and of the system pass through unchanged; only a file of a newer version is
refused in our words.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

from codexmcp.errors import StoreError
from codexmcp.runs.sqlite_errors import is_locked
from codexmcp.runs.sqlite_schema import MIGRATIONS, VERSION

_POLL_S = 0.01
_LARGEST_WAL_BYTES = 16 * 1024 * 1024
_CACHE_KIB = 256


def open_database(path: Path, patience_s: float) -> sqlite3.Connection:
    """Open the file of a store; create or migrate the file if needed.

    Args:
        path: The file. The mode becomes 0600; missing folders are created with 0700.
        patience_s: Bound on the wait for other processes, in seconds; in opening and in every step.

    Raises:
        StoreError: A newer version created the file.
        sqlite3.Error: The file cannot be used.
        OSError: The file cannot be created.
    """
    _make_private(path)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _connect(path, patience_s)
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself while another process changes the journal mode.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Run several statements as one step, undone completely after a failure."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself after some errors, and then refuses another rollback.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def set_aside(path: Path) -> Path:
    """Rename a corrupt store and its side files, to make room for a new store; return the new name.

    No process may have the store open: writes would continue to the renamed file.

    Args:
        path: The store's file.

    Raises:
        StoreError: The file cannot be renamed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        # The file itself last. A journal left behind alone would be replayed into the next store.
        # Beside the renamed file, SQLite's recovery finds the journal.
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    except OSError as error:
        raise StoreError(
            f"the store of runs {path} cannot be renamed ({error}): move it away by hand"
        ) from error
    return aside


def _make_private(path: Path) -> None:
    for folder in reversed([path.parent, *path.parent.parents]):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    # Only a missing file is opened here: closing a file that SQLite has open in this process would
    # drop SQLite's locks. SQLite gives the side files the same mode.
    # Source: https://www.sqlite.org/howtocorrupt.html, section 2.2
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _connect(path: Path, patience_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience_s, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        # A damaged character must not cost the whole run.
        connection.text_factory = _decoded
        # Without shared memory, as on some network file systems, SQLite keeps its old journal,
        # which survives a power failure only with the full setting.
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL_BYTES}")
        # SQLite would keep 2 MB, filled slowly by a supervisor over thousands of runs, and every
        # step uses a few pages from the system's cache anyway.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _decoded(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == VERSION:
        return
    with transaction(connection):
        # Read again: another process may have migrated the file meanwhile.
        version = _version(connection)
        if version > VERSION:
            raise StoreError(
                f"the store of runs {path} has version {version}, and this codexmcp knows only"
                f" {VERSION}: use the newer codexmcp that made it"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
