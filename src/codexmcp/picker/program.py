"""`codex-runs`: from its arguments to the screen, or to JSON, and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from codexmcp.errors import CodexMCPError, ConfigurationError, ExitCode, StoreError, UsageError
from codexmcp.picker.actions import Actions
from codexmcp.picker.json_output import to_json
from codexmcp.picker.source import Source, View
from codexmcp.settings import load_settings
from codexmcp.supervisor.directory import RunDirectory, pointer_dir


def run_picker(arguments: argparse.Namespace) -> int:
    """Run the picker and return its exit code.

    Args:
        arguments: What was asked for.
    """
    try:
        return _run(
            is_json=arguments.json,
            is_watching=not arguments.no_watch,
            every_folder=arguments.all,
            limit=arguments.limit,
        )
    except CodexMCPError as error:
        sys.stderr.write(f"codex-runs: {error}\n")
        return error.exit_code


def _run(*, is_json: bool, is_watching: bool, every_folder: bool, limit: int) -> int:
    # Textual takes variables out of the environment, and settings do: children get it as it was.
    env = dict(os.environ)
    cwd = _cwd()
    directory = RunDirectory(pointer_dir(load_settings(dict(env)), env))
    folder = None if every_folder else str(cwd)
    if is_json:
        return _print_json(Source(directory), View(folder, size=limit))
    _check_terminal()
    for name in ("COLUMNS", "LINES"):
        # Some shells export the size of another moment, and Textual believes it.
        os.environ.pop(name, None)
    return _show(directory, folder, Actions(directory.folder, cwd, env), is_watching=is_watching)


def _print_json(source: Source, view: View) -> int:
    with contextlib.closing(source):
        snapshot = source.read(view)
    if snapshot.trouble:
        raise StoreError(snapshot.trouble)
    try:
        sys.stdout.write(to_json(snapshot) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; nothing more may be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.DONE


def _check_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "stdin or stdout is no terminal, and the picker needs one; print the runs with "
            "`codex-runs --json`, or use `codexmcp runs list`"
        )


def _show(
    directory: RunDirectory, folder: str | None, actions: Actions, *, is_watching: bool
) -> int:
    from codexmcp.picker.app import PickerApp, PickerOptions  # noqa: PLC0415 - 300 ms

    options = PickerOptions(folder) if is_watching else PickerOptions(folder, watch_s=None)
    app = PickerApp(Source(directory), actions, options)
    # Without the mouse text can be marked and copied as everywhere else.
    app.run(mouse=False)
    return app.return_code or ExitCode.DONE


def _cwd() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "the working directory does not exist any more; change to one that does"
        ) from None
