"""Requests to a supervisor, whose refusals get the remedies of this command."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from codexmcp.cli.runs.place import Place
from codexmcp.errors import RunErrorKind
from codexmcp.runs.store import Owner
from codexmcp.supervisor.asking import ask, worded_refusals
from codexmcp.supervisor.attaching import connect_to

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "`codexmcp runs list` lists the known runs",
    RunErrorKind.NOT_IN_STORE: (
        "`codexmcp runs list` lists the known runs, and `codexmcp runs reindex` restores runs from "
        "their audit files"
    ),
    RunErrorKind.NO_THREAD: "start a new run with `codexmcp runs start`",
    RunErrorKind.IN_CONTAINER: (
        "continue it with --in-container and the earlier --workspace, {cwd} or a folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "continue it without --in-container",
    RunErrorKind.NO_TURN: (
        "continue a finished run with `codexmcp runs resume {run_id}`; for a waiting run, try "
        "again once it runs"
    ),
    RunErrorKind.OVER: "continue it with `codexmcp runs resume {run_id}`",
    RunErrorKind.WORKED_ON_ELSEWHERE: "use a client of the server of the run",
    RunErrorKind.STILL_STOPPING: (
        "wait for it with `codexmcp runs wait {run_id}`, or end the supervisor "
        "(`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "wait for it with `codexmcp runs wait {run_id}`",
    RunErrorKind.DRAINING: "try again in a moment; a new supervisor takes the request",
    RunErrorKind.NO_QUESTION: "`codexmcp runs approvals` lists the open questions",
    RunErrorKind.OTHER_POLICY: "start a run of your own with `codexmcp runs start`",
}
"""Remedies for refusals of runs in the words of `codexmcp runs`."""

_ENDED = (
    "the supervisor ended during the request; check the state with `codexmcp runs list`, then try "
    "again"
)


def ask_owner(place: Place, owner: Owner, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of a supervisor that is on record to one of its methods.

    Raises:
        RunError: It refused.
        ConfigurationError: It is gone.
        DeadlineError: It does not answer.
    """
    with connect_to(owner, place.cwd, place.env) as connection:
        return ask_connected(connection, method, params)


def ask_connected(
    connection: socket.socket, method: str, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the answer of a connected supervisor; see `ask_owner`."""
    with refusals_worded():
        return ask(connection, method, params)


def refusals_worded() -> AbstractContextManager[None]:
    """Raise the refusals of a supervisor with the remedies of this command."""
    return worded_refusals(REMEDIES, _ENDED)
