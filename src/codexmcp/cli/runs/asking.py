"""Requests to a supervisor, whose refusals get the remedies of this command."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from codexmcp.cli.runs.place import Place
from codexmcp.cli.runs.remedies import REMEDIES
from codexmcp.runs.store import Owner
from codexmcp.supervisor.asking import ask, worded_refusals
from codexmcp.supervisor.attaching import connect_to

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
