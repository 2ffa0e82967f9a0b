"""Our words for errors of SQLite or the system at the store's file.

Pure.
"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from codexmcp.errors import StoreCorruptError, StoreError

REBUILD = "run `codexmcp runs reindex`, which rebuilds it from the audit files"

# An extended result code carries its primary code in the low byte.
# Source: https://www.sqlite.org/rescode.html
_PRIMARY = 0xFF
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


def primary_code(error: BaseException) -> int | None:
    """Return SQLite's primary result code; None for an error without a code."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & _PRIMARY if isinstance(code, int) else None


def is_locked(error: BaseException) -> bool:
    """Return whether another process was in the way."""
    return primary_code(error) in _LOCKED


def store_error(path: Path, error: Exception) -> StoreError:
    """Return the replacement for an error of sqlite3 or of the system."""
    code = primary_code(error)
    # sqlite3 cannot even decode SQLite's message with quoted damaged names.
    if code in _CORRUPT or isinstance(error, UnicodeDecodeError):
        return StoreCorruptError(f"the store of runs {path} is corrupt ({error}): {REBUILD}")
    if code in _LOCKED:
        happened, remedy = (
            "is locked by another process",
            "try again; if the lock persists, end that process",
        )
    elif code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _FULL:
        happened, remedy = "cannot grow, its disk is full", "free some space and try again"
    elif code in _DENIED or isinstance(error, OSError):
        happened = "cannot be opened or written"
        remedy = "make its folder and its files writable for this user"
    elif code == sqlite3.SQLITE_IOERR:
        happened = "cannot be read or written"
        remedy = "check free space, quota and the limit on file sizes, then try again"
    else:
        happened, remedy = "refused a step", "nothing was changed; please report this"
    return StoreError(f"the store of runs {path} {happened} ({_words(error)}): {remedy}")


def _words(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", None)
    return f"{error}, {name}" if name else f"{error}"
