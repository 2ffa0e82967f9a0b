"""`codexmcp runs start` and `resume`: start the supervisor too when there is none."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import call
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.runs.waiting import wait
from codexmcp.cli.shared import open_connection
from codexmcp.errors import ExitCode, RunNotFoundError, UsageError
from codexmcp.jsonvalues import without_nulls
from codexmcp.runs.run import is_run_id


def start_run(arguments: argparse.Namespace, output: Output) -> int:
    """Start a run.

    Raises:
        UsageError: There is no prompt.
        RunError: It was refused.
        ConfigurationError: No supervisor can be started.
    """
    with opened_place() as place:
        given = {**_work(arguments, place), "profile": arguments.profile}
        return _started(arguments, place, output, "codex_run", given)


def resume_run(arguments: argparse.Namespace, output: Output) -> int:
    """Give a run a further prompt; see `start_run`.

    Raises:
        RunNotFoundError: There is none of that name.
    """
    with opened_place() as place:
        given = {**_work(arguments, place), "run_id": _origin(place, arguments.run)}
        tool = "codex_fork" if arguments.fork else "codex_resume"
        return _started(arguments, place, output, tool, given)


def prompt_of(word: str) -> str:
    """Return the prompt that an argument gives, or stdin.

    Raises:
        UsageError: It is empty.
    """
    prompt = sys.stdin.buffer.read().decode(errors="replace") if word == "-" else word
    if not prompt.strip():
        raise UsageError("the prompt is empty; say what is to be done, or give it on stdin with -")
    # Words of a command line that are not UTF-8 hold what JSON cannot.
    return prompt.encode(errors="surrogateescape").decode(errors="replace")


def _work(arguments: argparse.Namespace, place: Place) -> dict[str, Any]:
    """Return what the tools that start a run have in common."""
    timeout_s: float | None = arguments.timeout
    cwd = None if arguments.cwd is None else place.folders(arguments.cwd)[0]
    return {
        "prompt": prompt_of(arguments.prompt),
        "run_name": arguments.name,
        "cwd": cwd,
        "sandbox": arguments.sandbox,
        "permissions": arguments.permissions,
        "model": arguments.model,
        "effort": arguments.effort,
        "approval_policy": arguments.approval_policy,
        "images": [os.path.realpath(place.cwd / file) for file in arguments.image] or None,
        "timeout_ms": None if timeout_s is None else round(timeout_s * 1000),
    }


def _origin(place: Place, name: str) -> str:
    """Return the id of the run to go on with; the supervisor may know it from audit files."""
    try:
        return naming.find(place.directory, name).id
    except RunNotFoundError:
        is_known = is_run_id(name) and any(
            (folder / f"{name}.jsonl").exists() for folder in place.audit_folders()
        )
        if not is_known:
            raise
        return name


def _started(
    arguments: argparse.Namespace, place: Place, output: Output, tool: str, given: dict[str, Any]
) -> int:
    with open_connection(arguments, [], start=True) as connection:
        handle = call(connection, tool, without_nulls(given))
        run_id = str(handle["runId"])
        if arguments.wait:
            # Connected meanwhile, so that the supervisor does not end for want of clients.
            output.progress(f"run {run_id} was started")
            return wait(place, [run_id], output)
    if output.is_json:
        output.say_json(handle)
    else:
        output.say(run_id)
        if output.width is not None:
            output.note(f"watch it with `codexmcp runs tail -f {run_id}`")
    return ExitCode.DONE
