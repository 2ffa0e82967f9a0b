"""Codex's index of past conversations, and what claims to be filling it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.processes import BOUND_S

FILE = "state_5.sqlite"

_TABLE = (
    "CREATE TABLE backfill_state (id INTEGER PRIMARY KEY CHECK (id = 1), status TEXT NOT NULL,"
    " last_watermark TEXT, last_success_at INTEGER, updated_at INTEGER NOT NULL)"
)
_HOLD = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1])\n"
    "print(connection.execute('SELECT status FROM backfill_state').fetchone(), flush=True)\n"
    "sys.stdin.read()\n"
)


def make_index(folder: Path, *, name: str = FILE, journal: str = "wal") -> Path:
    """Make a database with no more than the state of the index: filled."""
    file = folder / name
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute(_TABLE)
        connection.execute("INSERT INTO backfill_state VALUES (1, 'complete', NULL, 1, 1)")
    return file


def claim(file: Path, *, renewed_at: int | None = None, done_to: str | None = None) -> None:
    """Leave the claim that a Codex leaves which is killed while it fills the index."""
    _write(file, "running", done_to, int(time.time()) if renewed_at is None else renewed_at)


def complete(file: Path) -> None:
    """Take the index for filled."""
    _write(file, "complete", None, int(time.time()))


def state_of(file: Path) -> tuple[str, int]:
    """Return the status, and when it was last renewed."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        row = connection.execute("SELECT status, updated_at FROM backfill_state").fetchone()
    return str(row[0]), int(row[1])


@contextlib.asynccontextmanager
async def held_open(file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Have another process keep the database open while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOLD,
        str(file),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(BOUND_S):
            assert await process.stdout.readline()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write(file: Path, status: str, done_to: str | None, at: int) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE backfill_state SET status = ?, last_watermark = ?, updated_at = ?",
            (status, done_to, at),
        )
