"""`codex-runs`: from the arguments to the screen or JSON, and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from codexmcp.errors import ExitCode, StoreError, UsageError
from codexmcp.picker.actions import Actions
from codexmcp.picker.arguments import PickerArguments
from codexmcp.picker.json_output import to_json
from codexmcp.picker.source import Source, View
from codexmcp.settings import load_settings
from codexmcp.supervisor.directory import RunDirectory, pointer_dir


def run_picker(arguments: PickerArguments) -> int:
    """Run the picker and return its exit code.

    Raises:
        UsageError: stdin or stdout is no terminal.
        ConfigurationError: A setting cannot be used.
        StoreError: The store cannot be read.
    """
    # Children get the original environment, because Textual and the settings remove variables.
    env = dict(os.environ)
    cwd = Path.cwd()
    settings_env = dict(env)
    directory = RunDirectory(pointer_dir(load_settings(settings_env), settings_env))
    folder = None if arguments.all else str(cwd)
    if arguments.json:
        return _print_json(Source(directory), View(folder, size=arguments.limit))
    _check_terminal()
    for name in ("COLUMNS", "LINES"):
        # Some shells export an outdated size, and Textual would use the size.
        os.environ.pop(name, None)
    actions = Actions(directory.folder, cwd, env)
    return _show(directory, folder, actions, is_watching=not arguments.no_watch)


def _print_json(source: Source, view: View) -> int:
    with contextlib.closing(source):
        snapshot = source.read(view)
    if snapshot.trouble:
        raise StoreError(snapshot.trouble)
    sys.stdout.write(to_json(snapshot) + "\n")
    return ExitCode.DONE


def _check_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the picker needs a terminal for stdin and stdout; without one print the runs with "
            "`codex-runs --json`, or use `codexmcp runs list`"
        )


def _show(
    directory: RunDirectory, folder: str | None, actions: Actions, *, is_watching: bool
) -> int:
    from codexmcp.picker.app import PickerApp, PickerOptions  # noqa: PLC0415 - 300 ms

    options = PickerOptions(folder) if is_watching else PickerOptions(folder, watch_s=None)
    app = PickerApp(Source(directory), actions, options)
    # Without mouse support, users can select and copy text as in other programs.
    app.run(mouse=False)
    return app.return_code or ExitCode.DONE
