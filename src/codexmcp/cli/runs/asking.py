"""Asks a supervisor for what only it can do, and says its refusals in words of this command."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Generator, Mapping
from typing import Any

from codexmcp.cli.runs.place import Place
from codexmcp.errors import ConfigurationError, RequestError, RunError
from codexmcp.runs.store import Owner
from codexmcp.supervisor.asking import ask, call_tool
from codexmcp.supervisor.attaching import connect_to

_COMMANDS = {
    "codex_runs": "`codexmcp runs list`",
    "codex_run": "`codexmcp runs start`",
    "codex_resume": "`codexmcp runs resume`",
    "codex_fork": "`codexmcp runs resume --fork`",
    "codex_wait": "`codexmcp runs wait`",
    "codex_approvals": "`codexmcp runs approvals`",
    "codex_interrupt": "`codexmcp runs interrupt`",
}
_TOOL = re.compile("|".join(rf"\b{name}\b" for name in _COMMANDS))


def ask_owner(place: Place, owner: Owner, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a supervisor that is on record by one of its own methods, and return the answer.

    Raises:
        RunError: It refused.
        ConfigurationError: It is gone.
        DeadlineError: It does not answer.
    """
    with _translated(), connect_to(owner, place.cwd, place.env) as connection:
        return ask(connection, method, params)


def call_owner(
    place: Place, owner: Owner, tool: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Call a run tool of a supervisor that is on record; see `ask_owner`."""
    with connect_to(owner, place.cwd, place.env) as connection:
        return call(connection, tool, arguments)


def call(connection: socket.socket, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call a run tool and return its answer; see `ask_owner`."""
    with _translated():
        return call_tool(connection, tool, arguments)


@contextlib.contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except RequestError as error:
        raise RunError(in_our_words(error.message)) from error
    except ConnectionError as error:
        raise gone() from error


def gone() -> ConfigurationError:
    """Return the error for a supervisor that ended while it was asked."""
    return ConfigurationError(
        "the supervisor ended while it was asked; `codexmcp runs list` shows how things stand, "
        "then try again"
    )


def in_our_words(message: str) -> str:
    """Return what a tool said with the commands in place of the tools. Pure."""
    return _TOOL.sub(lambda found: _COMMANDS[found[0]], message)
