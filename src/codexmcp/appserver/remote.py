"""Codex's own terminal interface, attached to a thread of an app-server on a unix socket.

Owns the interface's Codex home, so the user's home is never written to. Promises: no dialog hides
the thread. Starts nothing: a frontend runs the command in the terminal.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from codexmcp.errors import ConfigurationError

TUI_CONFIG = """\
# Rewritten each time by codexmcp, for `codex resume --remote`. Changes here are lost.
check_for_update_on_startup = false
# A provider that wants no login: with Codex's own, 0.153.4 asks for one and hides the thread. The
# model is called by the app-server alone, with settings of its own.
model_provider = "attached"

[model_providers.attached]
name = "codexmcp"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"

[tui]
screen_reader_detection_done = true
show_tooltips = false
"""
"""Settings of the interface.

Source (measured with 0.153.4, 0.163.0 and 0.169.0): no model is set, because a dialog about a newer
model would hide the thread, and the answer would change the thread's model."""

_KEYS = frozenset({"OPENAI_API_KEY", "CODEX_API_KEY"})


class TuiCommand(NamedTuple):
    """The command of the interface.

    Attributes:
        argv: The command line.
        env: The whole environment.
        cwd: The working directory: elsewhere, the interface would read the project's settings.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: Path


def tui_command(
    codex: Path, socket: Path, thread_id: str, tui_home: Path, env: Mapping[str, str]
) -> TuiCommand:
    """Return the command to show a thread to a person, with the option to take part.

    The thread must be loaded by an own connection, and stay loaded. Source (measured up to
    0.169.0): the interface loads an unloaded thread with its own settings, for example a read-only
    sandbox; the interface does not notice an unload, and loses later input. `/quit`, Ctrl-D and the
    end of the terminal leave a turn running, but Ctrl-C and Esc interrupt the turn.

    Args:
        codex: Absolute path of the Codex binary.
        socket: Absolute path of the app-server's socket.
        thread_id: The thread.
        tui_home: The interface's own Codex home; see `prepare_tui_home`.
        env: The terminal's environment. Keys are removed: the interface calls no model.
    """
    kept = {name: value for name, value in env.items() if name not in _KEYS}
    argv = [str(codex), "resume", "--remote", f"unix://{socket}", thread_id]
    return TuiCommand(argv, kept | {"CODEX_HOME": str(tui_home)}, tui_home)


def prepare_tui_home(tui_home: Path) -> None:
    """Create the interface's Codex home, or restore its settings.

    Raises:
        ConfigurationError: The home cannot be written.
    """
    try:
        tui_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        tui_home.chmod(0o700)
        _replace(tui_home / "config.toml", TUI_CONFIG)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {tui_home}, the Codex home of the terminal interface: "
            f"{error.strerror}; make the folder above it one that you may write to"
        ) from error


def _replace(path: Path, text: str) -> None:
    # A running interface may read the file at any time.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
