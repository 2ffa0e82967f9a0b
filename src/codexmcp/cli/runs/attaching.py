"""`codexmcp runs attach`: Codex's own terminal interface on the thread of a run."""

from __future__ import annotations

import argparse
import socket
import sys

from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import gone, in_our_words
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.shared import open_connection
from codexmcp.errors import RequestError, RunError, UsageError
from codexmcp.runs.run import Run
from codexmcp.supervisor.attaching import attach_command, connect_to, run_in_terminal


def attach_to_run(arguments: argparse.Namespace, output: Output) -> int:
    """Show the thread of a run until its user leaves it; return the interface's exit code.

    Raises:
        UsageError: There is no terminal.
        RunNotFoundError: There is none of that name.
        RunError: It has no thread that can be shown.
        ConfigurationError: The supervisor or the interface cannot be started.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "attach needs a terminal for stdin and stdout; `codexmcp runs tail -f` shows what a "
            "run does without one"
        )
    with opened_place() as place:
        run = naming.find(place.directory, arguments.run)
        # Open to the end: it keeps the thread loaded.
        with _connection(arguments, place, run) as connection:
            try:
                command = attach_command(connection, run, place.directory.folder, place.env)
            except RequestError as error:
                raise RunError(in_our_words(error.message)) from error
            except ConnectionError as error:
                raise gone() from error
            code = run_in_terminal(command)
    if output.is_json:
        output.say_json({"runId": run.id, "exitCode": code})
    return code


def _connection(arguments: argparse.Namespace, place: Place, run: Run) -> socket.socket:
    owner = place.directory.owner_of(run)
    if owner is None:
        return open_connection(arguments, [], start=True)
    return connect_to(owner, place.cwd, place.env)
