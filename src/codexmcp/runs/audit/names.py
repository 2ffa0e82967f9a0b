"""The names of a run's audit files, and of the indexes beside them.

The names are those of Codex MCP Sidecar, for the runs of users moving over.
"""

from __future__ import annotations

import os
from pathlib import Path

from codexmcp.errors import AuditError
from codexmcp.runs.run import is_run_id

CODEX_FOLDER = ".codex"
"""Codex's folder in a project. A command may replace the folder by a link."""

OWN_PARTS = ("codex-mcp", "runs")
"""The last two folders of the default place: our own, and never symbolic links."""

PROJECT_INDEX = "index.jsonl"
"""The index of the runs of one folder."""

POINTER_INDEX = "runs.index.jsonl"
"""The index of the runs of all folders, in the pointer folder."""

ACTIVE = "active"
"""The folder of the active runs."""

EVENTS_SUFFIX = ".jsonl"
SUFFIXES = (EVENTS_SUFFIX, ".stderr.log", ".md")
"""The suffixes of one run's files."""


def default_audit_dir(cwd: Path) -> Path:
    """Return the folder of the audit files of a project, by a path without links."""
    return Path(os.path.realpath(cwd), CODEX_FOLDER, *OWN_PARTS)


def check_run_id(run_id: str) -> str:
    """Return the id of a run, safe for file names.

    Raises:
        AuditError: The id is not safe for file names.
    """
    if not is_run_id(run_id) or f"{run_id}{EVENTS_SUFFIX}" == PROJECT_INDEX:
        raise AuditError(
            f"{run_id!r} cannot name the files of a run. Choose an id of letters, digits, '.', '_'"
            " and '-' that begins with a letter or digit and is not 'index'."
        )
    return run_id


def events_file(run_id: str) -> str:
    """Return the name of a run's file of events."""
    return f"{check_run_id(run_id)}{EVENTS_SUFFIX}"


def stderr_file(run_id: str) -> str:
    """Return the name of the file with Codex's stderr."""
    return f"{check_run_id(run_id)}.stderr.log"


def summary_file(run_id: str) -> str:
    """Return the name of a run's readable summary."""
    return f"{check_run_id(run_id)}.md"


def active_file(run_id: str) -> str:
    """Return the name, in the folder `active`, of the mark of an active run."""
    return f"{check_run_id(run_id)}.json"


def run_of_file(name: str) -> str | None:
    """Return the run id in the name of a file of events; None for any other file."""
    run_id = name.removesuffix(EVENTS_SUFFIX)
    if name in {run_id, PROJECT_INDEX} or not is_run_id(run_id):
        return None
    return run_id
