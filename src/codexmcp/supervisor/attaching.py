"""Access to runs through their supervisor, and the display of threads in the terminal.

Owns the connection of a person's program to a supervisor in the directory, and the location of the
Codex home for Codex's terminal interface. All calls block, with a bound.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import codexmcp
from codexmcp import own_files
from codexmcp.appserver.remote import TuiCommand, prepare_tui_home, tui_command
from codexmcp.errors import ConfigurationError, StateError
from codexmcp.jsonvalues import text_of
from codexmcp.network import direct_to_loopback
from codexmcp.run_settings import command_environment
from codexmcp.runs.run import Run
from codexmcp.runs.store import Owner
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.asking import TIMEOUT_S, ask
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.methods import ATTACH
from codexmcp.supervisor.start import connect

TUI_HOME_NAME = "tui-home"
"""Name of the interface's own Codex home, a folder beside the store."""


def connect_to(owner: Owner, cwd: Path, env: Mapping[str, str]) -> socket.socket:
    """Return a connection to a recorded supervisor, after the greeting.

    Args:
        owner: The supervisor; see `directory.RunDirectory.owners`.
        cwd: The working directory of this process.
        env: The environment of this process; the supervisor gets only the part for commands.

    Raises:
        ConfigurationError: The supervisor is gone, or refused this client.
        StateError: The owner has no socket.
        DeadlineError: The supervisor does not answer.
    """
    if not owner.socket:
        raise StateError(
            f"process {owner.pid} is an MCP server that keeps its runs to itself; only its own "
            "client can act on them"
        )
    path = Path(owner.socket)
    address = Address(path.parent, path.name.removesuffix(".sock"))
    hello = Hello([], str(cwd), command_environment(env), codexmcp.__version__)
    return connect(address, hello, None)


def attach_command(
    connection: socket.socket,
    run: Run,
    pointer_dir: Path,
    env: Mapping[str, str],
    *,
    timeout_s: float = TIMEOUT_S,
) -> TuiCommand:
    """Load the thread of a run in the supervisor, and return the command to show the thread.

    The thread stays loaded during the connection: keep the connection open until the command ends.

    Args:
        connection: A connection to the supervisor.
        run: The run.
        pointer_dir: The folder of the store.
        env: The environment of the terminal.
        timeout_s: Bound on the wait for the answer, in seconds.

    Raises:
        RequestError: The thread cannot be loaded, or the run has no thread yet.
        ConfigurationError: The interface's home cannot be made, or the answer is of another
            version.
        DeadlineError: The supervisor does not answer.
        ConnectionError: The supervisor ended.
    """
    answer = ask(connection, ATTACH, {"runId": run.id}, timeout_s=timeout_s)
    names = ("codex", "codexSocket", "threadId")
    codex, codex_socket, thread_id = (text_of(answer.get(name)) for name in names)
    if not codex or not codex_socket or not thread_id:
        raise ConfigurationError(
            "the supervisor gave no thread to attach to; it may be of another version: end it with "
            "`codexmcp serve --stop` and try again"
        )
    # Codex checks neither the socket nor the listening process.
    own_files.connect(Path(codex_socket), timeout_s, follows_link=True).close()
    tui_home = pointer_dir / TUI_HOME_NAME
    prepare_tui_home(tui_home)
    return tui_command(Path(codex), Path(codex_socket), thread_id, tui_home, env)


def run_in_terminal(command: TuiCommand) -> int:
    """Run a command in the foreground of the terminal, to its end; return its exit code.

    Raises:
        ConfigurationError: The command cannot be started.
    """
    # Ctrl-C before the command controls the terminal is for the command, not for this process. A
    # handler, because the command would inherit an ignored signal.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        process = subprocess.Popen(
            command.argv, env=direct_to_loopback(command.env), cwd=command.cwd
        )
        code = process.wait()
    except OSError as error:
        raise ConfigurationError(
            f"cannot start {command.argv[0]}: {error.strerror}; set CODEX_BIN to a Codex binary "
            "and restart the supervisor"
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    # A shell's exit code for an end by a signal.
    return code if code >= 0 else 128 - code
