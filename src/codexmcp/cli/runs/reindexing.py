"""`codexmcp runs reindex`: makes store and audit files of runs agree again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from codexmcp.cli.options.parts import CodexFlags
from codexmcp.cli.options.runs import ReindexOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.shared import address_for
from codexmcp.cli.text import one_line
from codexmcp.codex.config import default_home
from codexmcp.codex.container.home import FOLDER_NAME
from codexmcp.errors import ExitCode, StateError, StoreCorruptError, UsageError
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import audit_folders, runs_in
from codexmcp.runs.ownership import is_dead
from codexmcp.runs.records import Homes
from codexmcp.runs.restoration import reconcile_folders, restore
from codexmcp.runs.sqlite_file import set_aside
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.settings import secret_values
from codexmcp.supervisor.directory import LOCKS_NAME

_LOCK_SUFFIX = ".lock"


def reindex_runs(options: ReindexOptions, output: Output) -> int:
    """Restore runs from audit files to the store, and correct files after the store.

    Raises:
        UsageError: A folder does not exist.
        StateError: The store is corrupt, and a process still uses it.
        StoreError: The store cannot be written.
    """
    with opened_place() as place:
        given = [_audit_folder(place, folder) for folder in options.folders]
        folders = audit_folders(place.directory.folder, [*given, *place.audit_folders()])
        folders = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
        group = address_for(CodexFlags(), place.settings, place.env).id
        aside = _corrupt_set_aside(place)
        with contextlib.closing(SqliteStore(place.directory.store_path)) as store:
            pointer_dir = place.directory.folder
            told = restore(
                store, folders, pointer_dir=pointer_dir, group=group, homes=_homes(place)
            )
            redactor = Redactor(secret_values(place.settings.api_key, os.environ))
            corrected = reconcile_folders(
                store, folders, pointer_dir=pointer_dir, redactor=redactor
            )
    looked_into = [folder for folder in folders if folder.is_dir()]
    if output.is_json:
        output.say_json(
            {
                "folders": [str(folder) for folder in looked_into],
                "found": told.found,
                "restored": told.restored,
                "claims": told.claims,
                "corrected": corrected,
                "setAside": None if aside is None else str(aside),
            }
        )
        return ExitCode.DONE
    if aside is not None:
        output.say(f"the store was corrupt and is now {aside}")
    for claim in told.claims:
        output.say(one_line(claim))
    output.say(
        f"{told.restored} run(s) restored, {told.found - told.restored} known already, "
        f"from {len(looked_into)} folder(s) of audit files"
    )
    if corrected:
        output.say(f"the audit files of {corrected} run(s) corrected")
    return ExitCode.DONE


def _homes(place: Place) -> Homes:
    home = place.settings.codex_home or default_home()
    contained = Path(os.path.realpath(place.directory.folder)) / FOLDER_NAME
    return Homes(lambda conversations: contained / conversations if conversations else home)


def _audit_folder(place: Place, given: Path) -> Path:
    """Return the folder of audit files of a project, or the given folder of audit files."""
    folder = (place.cwd / given.expanduser()).resolve()
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name a project, or its audit files")
    of_project = default_audit_dir(folder)
    return of_project if of_project.is_dir() and not runs_in(folder) else folder


def _corrupt_set_aside(place: Place) -> Path | None:
    """Move a corrupt store away and return its new path; None for a sound store."""
    path = place.directory.store_path
    if not path.exists() or _is_sound(path):
        return None
    locks = place.directory.folder / LOCKS_NAME
    owners = [file.name.removesuffix(_LOCK_SUFFIX) for file in locks.glob(f"*{_LOCK_SUFFIX}")]
    if any(not is_dead(locks, owner) for owner in owners):
        raise StateError(
            f"the store of runs {path} is corrupt and in use: end its processes (`codexmcp serve "
            "--stop`, and MCP servers with runs of their own), then try again"
        )
    place.directory.close()
    return set_aside(path)


def _is_sound(path: Path) -> bool:
    """Return whether a store can be opened and passes the check of SQLite."""
    try:
        SqliteStore(path).close()
    except StoreCorruptError:
        return False
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [tuple(row) for row in connection.execute("PRAGMA quick_check")] == [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False
