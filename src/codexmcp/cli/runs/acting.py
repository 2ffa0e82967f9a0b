"""`codexmcp runs interrupt` and `steer`, through the supervisor of the run."""

from __future__ import annotations

from typing import Any

from codexmcp.cli.options.runs import RunsOptions, SteerOptions
from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import ask_owner
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.runs.starting import prompt_of
from codexmcp.errors import CodexMCPError, ExitCode, StateError
from codexmcp.runs.run import Run
from codexmcp.runs.store import Owner
from codexmcp.supervisor.methods import INTERRUPT, STEER


def interrupt_runs(options: RunsOptions, output: Output) -> int:
    """Stop runs; the exit code is that of the last failure.

    Raises:
        RunNotFoundError: A name is unknown; then no run is stopped.
        StoreError: The store cannot be read.
    """
    answers: list[dict[str, Any]] = []
    code = ExitCode.DONE
    with opened_place() as place:
        for run in naming.find_all(place.directory, options.runs):
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


def steer_run(options: SteerOptions, output: Output) -> int:
    """Send a message to an active run.

    Raises:
        RunNotFoundError: The name is unknown.
        StateError: The run is over, or has no supervisor.
        RunError: The supervisor refused.
    """
    with opened_place() as place:
        run = naming.find(place.directory, options.run)
        given = {"run_id": run.id, "prompt": prompt_of(options.prompt)}
        answer = ask_owner(place, _owner(place, run, "steer"), STEER, given)
    if output.is_json:
        output.say_json(answer)
    else:
        output.say(f"{run.id}: message sent")
    return ExitCode.DONE


def _owner(place: Place, run: Run, what: str) -> Owner:
    """Return the owner of an active run.

    Raises:
        StateError: The run is over, or has no owner.
    """
    if run.state.is_over:
        why = f" ({run.reason})" if run.reason else ""
        raise StateError(
            f"cannot {what} run {run.id}: it is {run.state} already{why}; continue it with "
            f"`codexmcp runs resume {run.id}`"
        )
    owner = place.directory.owner_of(run)
    if owner is None:
        raise StateError(
            f"cannot {what} run {run.id}: it is {run.state}, and no supervisor with its "
            "credentials is there; start one with `codexmcp serve`, then try again"
        )
    return owner
