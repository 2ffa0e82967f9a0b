"""`codexmcp runs attach`: Codex's own terminal interface on the thread of a run."""

from __future__ import annotations

import socket
import sys

from codexmcp.cli.container_location import located
from codexmcp.cli.options.runs import AttachOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import refusals_worded
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.shared import open_connection
from codexmcp.errors import UsageError
from codexmcp.runs.run import Run
from codexmcp.supervisor.attaching import attach_command, connect_to, run_in_terminal


def attach_to_run(options: AttachOptions, output: Output) -> int:
    """Show the thread of a run until the user leaves; return the interface's exit code.

    Raises:
        UsageError: There is no terminal.
        RunNotFoundError: The name is unknown.
        RunError: The run has no thread to show.
        ConfigurationError: The supervisor or the interface cannot be started.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "attach needs a terminal for stdin and stdout; `codexmcp runs tail -f` shows what a "
            "run does without one"
        )
    with opened_place() as place:
        run = naming.find(place.directory, options.run)
        # Open to the end: it keeps the thread loaded.
        with _connection(options, place, run) as connection:
            with refusals_worded():
                command = attach_command(connection, run, place.directory.folder, place.env)
            code = run_in_terminal(command)
    if output.is_json:
        output.say_json({"runId": run.id, "exitCode": code})
    return code


def _connection(options: AttachOptions, place: Place, run: Run) -> socket.socket:
    owner = place.directory.owner_of(run)
    if owner is None:
        return open_connection(located(options.codex), place.settings, place.env)
    return connect_to(owner, place.cwd, place.env)
