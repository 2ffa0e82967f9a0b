"""Acting on runs through their supervisor, and showing their threads in the terminal.

Owns the connection of a human's program to a supervisor that it found in the directory, and the
place of the Codex home that Codex's terminal interface gets. All calls block, and are bounded.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import codexmcp
from codexmcp.appserver.remote import TuiCommand, prepare_tui_home, tui_command
from codexmcp.errors import ConfigurationError, StateError
from codexmcp.jsonvalues import text_of
from codexmcp.run_settings import command_environment
from codexmcp.runs.run import Run
from codexmcp.runs.store import Owner
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.asking import TIMEOUT_S, ask
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.methods import ATTACH
from codexmcp.supervisor.start import connect

TUI_HOME_NAME = "tui-home"
"""The folder, beside the store, that is the interface's own Codex home."""


def connect_to(owner: Owner, cwd: Path, env: Mapping[str, str]) -> socket.socket:
    """Return a connection to a supervisor that is on record, introduced.

    Args:
        owner: The supervisor; see `directory.RunDirectory.owners`.
        cwd: Our working directory.
        env: Our environment. Only what commands may see of it is passed on.

    Raises:
        ConfigurationError: It is gone, or turned us away.
        StateError: It cannot be reached.
        DeadlineError: It does not answer.
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
    """Return the command that shows a run's thread, which its supervisor has loaded for it.

    The thread stays loaded for as long as the connection is open: keep it until the command ends.

    Args:
        connection: To the supervisor.
        run: The run.
        pointer_dir: The folder of the store.
        env: The environment of the terminal.
        timeout_s: Bound on the answer, in seconds.

    Raises:
        RequestError: It cannot be loaded, or has no thread yet.
        ConfigurationError: The interface's home cannot be made, or the answer is of another
            version.
        DeadlineError: There is no answer.
        ConnectionError: The supervisor ended.
    """
    params = {"runId": run.id, "cwd": run.request.cwd}
    answer = ask(connection, ATTACH, params, timeout_s=timeout_s)
    names = ("codex", "codexSocket", "threadId")
    codex, codex_socket, thread_id = (text_of(answer.get(name)) for name in names)
    if not codex or not codex_socket or not thread_id:
        raise ConfigurationError(
            "the supervisor gave no thread to attach to; it may be of another version: end it with "
            "`codexmcp serve --stop` and try again"
        )
    tui_home = pointer_dir / TUI_HOME_NAME
    prepare_tui_home(tui_home)
    return tui_command(Path(codex), Path(codex_socket), thread_id, tui_home, env)


def run_in_terminal(command: TuiCommand) -> int:
    """Run a command in the foreground of the terminal, to its end; return its exit code.

    Raises:
        ConfigurationError: It cannot be started.
    """
    # Ctrl-C at its start, before it has taken over the terminal, is meant for it and not for us. A
    # handler, because what is ignored would stay ignored in it.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        process = subprocess.Popen(command.argv, env=command.env, cwd=command.cwd)
        code = process.wait()
    except OSError as error:
        raise ConfigurationError(
            f"cannot start {command.argv[0]}: {error.strerror}; set CODEX_BIN to a Codex binary "
            "and start the supervisor anew"
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    # As a shell tells the end by a signal.
    return code if code >= 0 else 128 - code
