"""Runs by their ids, and by the beginnings of ids."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from codexmcp.errors import RunNotFoundError
from codexmcp.runs.run import Run
from codexmcp.supervisor.directory import RunDirectory

_NEWEST = 500
"""The number of runs for the search of similar names."""

_SHOWN = 3


def find(directory: RunDirectory, name: str) -> Run:
    """Return the run with an id, or the only run with an id of this beginning.

    Raises:
        RunNotFoundError: The name is unknown or ambiguous.
        StoreError: The store cannot be read.
    """
    run = directory.find(name)
    if run is not None:
        return run
    ids = directory.ids(name, _SHOWN + 1) if name else []
    if len(ids) == 1 and (run := directory.find(ids[0])):
        return run
    raise RunNotFoundError(_ambiguous(name, ids) if ids else _unknown(directory, name))


def find_all(directory: RunDirectory, names: Sequence[str]) -> list[Run]:
    """Return the runs of some names, without repetitions; see `find`."""
    return list({run.id: run for run in (find(directory, name) for name in names)}.values())


def similar(name: str, ids: Sequence[str]) -> list[str]:
    """Return ids similar to a name, the most similar first. Pure."""
    parts = [each for each in ids if name and name in each]
    close = difflib.get_close_matches(name, ids, _SHOWN)
    return list(dict.fromkeys([*parts, *close]))[:_SHOWN]


def _ambiguous(name: str, ids: Sequence[str]) -> str:
    more = ", ..." if len(ids) > _SHOWN else ""
    return (
        f"several runs begin with {name!r} ({', '.join(ids[:_SHOWN])}{more}); give more of the id"
    )


def _unknown(directory: RunDirectory, name: str) -> str:
    if not directory.exists():
        return (
            f"there is no run {name!r}: {directory.folder} has no runs; start one with "
            "`codexmcp runs start`, or set CODEX_HOME to the home of the run"
        )
    likely = similar(name, directory.ids("", _NEWEST))
    hint = f"did you mean {' or '.join(likely)}? " if likely else ""
    return (
        f"there is no run {name!r}; {hint}`codexmcp runs list --all` lists all runs, and "
        "`codexmcp runs reindex` restores runs from their audit files"
    )
