"""`codexmcp runs interrupt` and `steer`: through the supervisor that works on the run."""

from __future__ import annotations

import argparse
from typing import Any

from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import ask_owner, call_owner
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.runs.starting import prompt_of
from codexmcp.errors import CodexMCPError, ExitCode, StateError
from codexmcp.runs.run import Run
from codexmcp.runs.store import Owner
from codexmcp.supervisor.methods import INTERRUPT


def interrupt_runs(arguments: argparse.Namespace, output: Output) -> int:
    """Stop runs, those that can be; fail if one of them cannot.

    Raises:
        RunNotFoundError: There is none of a name; nothing is stopped then.
        StoreError: The store cannot be read.
    """
    answers: list[dict[str, Any]] = []
    code = ExitCode.DONE
    with opened_place() as place:
        for run in naming.find_all(place.directory, arguments.runs):
            try:
                owner = _owner(place, run, "interrupt")
                answers.append(ask_owner(place, owner, INTERRUPT, {"runId": run.id}))
            except CodexMCPError as error:
                output.trouble(error)
                code = max(code, error.exit_code)
                continue
            if not output.is_json:
                output.say(f"{run.id}: {answers[-1].get('status')}")
    if output.is_json:
        output.say_json({"runs": answers})
    return code


def steer_run(arguments: argparse.Namespace, output: Output) -> int:
    """Tell a run something while it works.

    Raises:
        RunNotFoundError: There is none of that name.
        StateError: It does not work.
        RunError: Its supervisor refused.
    """
    with opened_place() as place:
        run = naming.find(place.directory, arguments.run)
        given = {"run_id": run.id, "prompt": prompt_of(arguments.prompt)}
        answer = call_owner(place, _owner(place, run, "steer"), "codex_steer", given)
    if output.is_json:
        output.say_json(answer)
    else:
        output.say(f"{run.id}: told")
    return ExitCode.DONE


def _owner(place: Place, run: Run, what: str) -> Owner:
    """Return who can act on a run that is not over.

    Raises:
        StateError: Nobody can.
    """
    if run.state.is_over:
        why = f" ({run.reason})" if run.reason else ""
        raise StateError(
            f"cannot {what} run {run.id}: it is {run.state} already{why}; give it further work "
            f"with `codexmcp runs resume {run.id}`"
        )
    owner = place.directory.owner_of(run)
    if owner is None:
        raise StateError(
            f"cannot {what} run {run.id}: it is {run.state}, and no supervisor with its "
            "credentials is there; start one with `codexmcp serve`, then try again"
        )
    return owner
