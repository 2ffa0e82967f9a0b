"""`codexmcp runs show`: works without a supervisor."""

from __future__ import annotations

import argparse
import time

from codexmcp.cli.output import Output
from codexmcp.cli.runs import fields, naming, words
from codexmcp.cli.runs.place import opened_place
from codexmcp.errors import ExitCode


def show_run(arguments: argparse.Namespace, output: Output) -> int:
    """Show everything that is known of a run.

    Raises:
        RunNotFoundError: There is none of that name.
        StoreError: The store cannot be read.
    """
    with opened_place() as place:
        run = naming.find(place.directory, arguments.run)
    if output.is_json:
        output.say_json(fields.whole(run, time.time()))
    else:
        for line in words.described(run, time.time()):
            output.say(line)
    return ExitCode.DONE
