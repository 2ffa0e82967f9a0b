"""`codexmcp runs reindex`: makes the store of runs anew from the audit files."""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
from pathlib import Path

from codexmcp.cli.output import Output
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.shared import address_for
from codexmcp.errors import ExitCode, StateError, StoreCorruptError
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.reindex import audit_folders, runs_in
from codexmcp.runs.ownership import is_dead
from codexmcp.runs.restoration import restore
from codexmcp.runs.sqlite_file import set_aside
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.supervisor.directory import LOCKS_NAME

_LOCK_SUFFIX = ".lock"


def reindex_runs(arguments: argparse.Namespace, output: Output) -> int:
    """Restore the runs that audit files know and the store does not.

    Raises:
        StateError: The store is corrupt, and a process still uses it.
        StoreError: The store cannot be written.
    """
    with opened_place() as place:
        given = [_audit_folder(place, folder) for folder in arguments.folders]
        folders = audit_folders(place.directory.folder, [*given, *place.audit_folders()])
        folders = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
        group = address_for(_without_options(), place.settings, place.env).id
        aside = _corrupt_set_aside(place)
        with contextlib.closing(SqliteStore(place.directory.store_path)) as store:
            pointer_dir = place.directory.folder
            found, restored = restore(store, folders, pointer_dir=pointer_dir, group=group)
    looked_into = [folder for folder in folders if folder.is_dir()]
    if output.is_json:
        output.say_json(
            {
                "folders": [str(folder) for folder in looked_into],
                "found": found,
                "restored": restored,
                "setAside": None if aside is None else str(aside),
            }
        )
        return ExitCode.DONE
    if aside is not None:
        output.say(f"the store was corrupt and is now {aside}")
    output.say(
        f"{restored} run(s) restored, {found - restored} known already, "
        f"from {len(looked_into)} folder(s) of audit files"
    )
    return ExitCode.DONE


def _audit_folder(place: Place, given: Path) -> Path:
    """Return the folder of the audit files that a project or the folder itself names."""
    folder = (place.cwd / given.expanduser()).resolve()
    of_project = default_audit_dir(folder)
    return of_project if of_project.is_dir() and not runs_in(folder) else folder


def _corrupt_set_aside(place: Place) -> Path | None:
    """Move a corrupt store away; return its new name, or None when it is sound."""
    path = place.directory.store_path
    if not path.exists() or _is_sound(path):
        return None
    locks = place.directory.folder / LOCKS_NAME
    owners = [file.name.removesuffix(_LOCK_SUFFIX) for file in locks.glob(f"*{_LOCK_SUFFIX}")]
    if any(not is_dead(locks, owner) for owner in owners):
        raise StateError(
            f"the store of runs {path} is corrupt, and a process still works with it; end that one "
            "(`codexmcp serve --stop`, and MCP servers that keep their own runs), then try again"
        )
    place.directory.close()
    return set_aside(path)


def _is_sound(path: Path) -> bool:
    """Return whether a store can be opened, and is whole also where opening does not look."""
    try:
        SqliteStore(path).close()
    except StoreCorruptError:
        return False
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return [tuple(row) for row in connection.execute("PRAGMA quick_check")] == [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False


def _without_options() -> argparse.Namespace:
    """Return the options of Codex that a supervisor has which was started on demand."""
    return argparse.Namespace(
        config=[], enable=[], disable=[], strict_config=False, model_endpoint=None
    )
