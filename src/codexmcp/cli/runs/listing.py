"""`codexmcp runs list`: works without a supervisor."""

from __future__ import annotations

import argparse
import time

from codexmcp.cli.output import Output
from codexmcp.cli.runs import fields, words
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import one_line, table
from codexmcp.errors import ExitCode, UsageError
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection


def list_runs(arguments: argparse.Namespace, output: Output) -> int:
    """List runs, the newest first.

    Raises:
        UsageError: The cursor is none.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        runs = _selected(arguments, place)
        shown, now = runs[: arguments.limit], time.time()
        cursor = str(shown[-1].sequence) if len(runs) > len(shown) else None
        if output.is_json:
            entries = [fields.listed(run, now) for run in shown]
            output.say_json({"runs": entries, **({"nextCursor": cursor} if cursor else {})})
        elif shown:
            for line in table(
                list(words.rows(shown, now, with_folder=arguments.all)), output.width
            ):
                output.say(line)
        else:
            output.note(_nothing(arguments, place))
        if cursor and not output.is_json:
            output.note(f"there are more; go on with --cursor {cursor}")
    return ExitCode.DONE


def _selected(arguments: argparse.Namespace, place: Place) -> list[Run]:
    """Return the runs that are asked for, and one more if there are more."""
    cursor: str | None = arguments.cursor
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
        raise UsageError(f"--cursor {cursor} is none; take the one that the last list ended with")
    states = None if arguments.state is None else {RunState(state) for state in arguments.state}
    before = None if cursor is None else int(cursor)
    folders = [None] if arguments.all else place.folders(arguments.cwd)
    runs: list[Run] = []
    for folder in folders:
        selection = Selection(states, folder, before, arguments.limit + 1)
        runs += place.directory.select(selection)
    return sorted(runs, key=lambda run: run.sequence, reverse=True)[: arguments.limit + 1]


def _nothing(arguments: argparse.Namespace, place: Place) -> str:
    such = " in such a state" if arguments.state else ""
    if arguments.all or not place.directory.exists():
        return (
            f"no runs{such} of this Codex home yet ({place.directory.folder}); "
            "start one with `codexmcp runs start PROMPT`"
        )
    folder = one_line(place.folders(arguments.cwd)[0])
    return f"no runs{such} in {folder}; `codexmcp runs list --all` lists those of every project"
