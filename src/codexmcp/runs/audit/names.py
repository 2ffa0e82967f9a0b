"""The names of a run's audit files, and of the indexes beside them.

The names are those of the sidecar whose users move over: their runs are found by them.
"""

from __future__ import annotations

import os
from pathlib import Path

from codexmcp.errors import AuditError
from codexmcp.runs.run import is_run_id

CODEX_FOLDER = ".codex"
"""The folder of a project that is Codex's. A command may put a link in its place."""

OWN_PARTS = ("codex-mcp", "runs")
"""The last two folders of the default place: they are ours, and never symbolic links."""

PROJECT_INDEX = "index.jsonl"
"""The index of the runs of one folder."""

POINTER_INDEX = "runs.index.jsonl"
"""The index of the runs of all folders, in the pointer folder."""

ACTIVE = "active"
"""The folder of the runs that are not over."""

EVENTS_SUFFIX = ".jsonl"
SUFFIXES = (EVENTS_SUFFIX, ".stderr.log", ".md")
"""What the files of one run end in."""


def default_audit_dir(cwd: Path) -> Path:
    """Return the folder of the audit files of a project, by a path without links."""
    return Path(os.path.realpath(cwd), CODEX_FOLDER, *OWN_PARTS)


def check_run_id(run_id: str) -> str:
    """Return the id of a run if it may name files.

    Raises:
        AuditError: It may not.
    """
    if not is_run_id(run_id) or f"{run_id}{EVENTS_SUFFIX}" == PROJECT_INDEX:
        raise AuditError(
            f"{run_id!r} cannot name the files of a run. Choose an id of letters, digits, '.', '_'"
            " and '-' that begins with a letter or digit and is not 'index'."
        )
    return run_id


def events_file(run_id: str) -> str:
    """Return the name of the file of a run's events."""
    return f"{check_run_id(run_id)}{EVENTS_SUFFIX}"


def stderr_file(run_id: str) -> str:
    """Return the name of the file of what Codex wrote to stderr."""
    return f"{check_run_id(run_id)}.stderr.log"


def summary_file(run_id: str) -> str:
    """Return the name of the file of a run's readable summary."""
    return f"{check_run_id(run_id)}.md"


def active_file(run_id: str) -> str:
    """Return the name, in the folder `active`, of the file that says that a run is not over."""
    return f"{check_run_id(run_id)}.json"


def run_of_file(name: str) -> str | None:
    """Return the id of the run whose events a file holds; None for any other file."""
    run_id = name.removesuffix(EVENTS_SUFFIX)
    if name in {run_id, PROJECT_INDEX} or not is_run_id(run_id):
        return None
    return run_id
