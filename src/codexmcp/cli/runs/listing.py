"""`codexmcp runs list` and `show`, which need no supervisor."""

from __future__ import annotations

import time
from pathlib import Path

from codexmcp.cli.options.runs import RunOptions, RunsListOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs import fields, naming, words
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import one_line, table
from codexmcp.errors import ExitCode, UsageError
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection


def list_runs(options: RunsListOptions, output: Output) -> int:
    """List runs, the newest first.

    Raises:
        UsageError: The cursor is invalid, or the folder does not exist.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        runs = _selected(options, place)
        shown, now = runs[: options.limit], time.time()
        cursor = str(shown[-1].sequence) if len(runs) > len(shown) else None
        if output.is_json:
            entries = [fields.listed(run, now) for run in shown]
            output.say_json({"runs": entries, **({"nextCursor": cursor} if cursor else {})})
        elif shown:
            for line in table(list(words.rows(shown, now, with_folder=options.all)), output.width):
                output.say(line)
        else:
            output.note(_nothing(options, place))
        if cursor and not output.is_json:
            output.note(f"more runs follow: pass --cursor {cursor}")
    return ExitCode.DONE


def _selected(options: RunsListOptions, place: Place) -> list[Run]:
    """Return the selected runs, and the first of the next page."""
    cursor = options.cursor
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal()):
        raise UsageError(
            f"invalid --cursor {cursor}: pass the cursor at the end of the previous list"
        )
    states = {RunState(state) for state in options.state} or None
    before = None if cursor is None else int(cursor)
    folders = [None] if options.all else place.folders(options.cwd)
    runs: list[Run] = []
    for folder in folders:
        selection = Selection(states, folder, before, options.limit + 1)
        runs += place.directory.select(selection)
    return sorted(runs, key=lambda run: run.sequence, reverse=True)[: options.limit + 1]


def _nothing(options: RunsListOptions, place: Place) -> str:
    such = " in this state" if options.state else ""
    if not (options.all or Path(place.folders(options.cwd)[0]).is_dir()):
        folder = one_line(place.folders(options.cwd)[0])
        raise UsageError(f"there is no folder {folder}, and no runs{such} of it are on record")
    if options.all or not place.directory.exists():
        return (
            f"no runs{such} of this Codex home yet ({place.directory.folder}); "
            "start one with `codexmcp runs start PROMPT`"
        )
    folder = one_line(place.folders(options.cwd)[0])
    return f"no runs{such} in {folder}; `codexmcp runs list --all` lists those of every project"


def show_run(options: RunOptions, output: Output) -> int:
    """Show everything on record about a run.

    Raises:
        RunNotFoundError: The name is unknown.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        run = naming.find(place.directory, options.run)
    if output.is_json:
        output.say_json(fields.whole(run, time.time()))
    else:
        for line in words.described(run, time.time()):
            output.say(line)
    return ExitCode.DONE
