"""`codexmcp runs wait`, which needs no supervisor of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence

from codexmcp import figures
from codexmcp.cli.options.runs import WaitOptions, state_word
from codexmcp.cli.output import Output
from codexmcp.cli.runs import fields, naming
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.text import harmless, one_line
from codexmcp.errors import ExitCode, RunNotFoundError, exit_code_of
from codexmcp.runs import endings
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState

_POLL_S = (0.05, 0.5)
"""Seconds between two looks at the runs, at first and later."""


def wait_for_runs(options: WaitOptions, output: Output) -> int:
    """Wait for runs and print their results.

    Raises:
        RunNotFoundError: A name is unknown, or a run was deleted during the wait.
        StoreError: The store cannot be read.
    """
    with _work_going_on(output), opened_place() as place:
        run_ids = [run.id for run in naming.find_all(place.directory, options.runs)]
        return _wait(place, run_ids, output, for_any=options.any, timeout_s=options.timeout)


def wait(
    place: Place,
    run_ids: Sequence[str],
    output: Output,
    *,
    for_any: bool = False,
    timeout_s: float | None = None,
) -> int:
    """Wait for runs, print their results, and return the exit code.

    Args:
        place: The surroundings.
        run_ids: The runs.
        output: The output.
        for_any: Stop at the end of the first run.
        timeout_s: Bound on the wait in seconds; None for no bound.

    Raises:
        RunNotFoundError: A run was deleted during the wait.
        StoreError: The store cannot be read.
    """
    with _work_going_on(output):
        return _wait(place, run_ids, output, for_any=for_any, timeout_s=timeout_s)


@contextlib.contextmanager
def _work_going_on(output: Output) -> Generator[None, None, None]:
    """Report at Ctrl-C that the runs go on."""
    try:
        yield
    except KeyboardInterrupt:
        output.note("the work goes on; `codexmcp runs interrupt` stops it")
        raise


def _wait(
    place: Place,
    run_ids: Sequence[str],
    output: Output,
    *,
    for_any: bool,
    timeout_s: float | None,
) -> int:
    runs, enough = _waited(place, run_ids, output, for_any=for_any, timeout_s=timeout_s)
    over = [run for run in runs if run.state.is_over]
    output.end_progress()
    if output.is_json:
        now = time.time()
        output.say_json({"done": enough, "runs": [fields.whole(run, now) for run in runs]})
    else:
        _tell(over, output, with_titles=len(runs) > 1)
    if not enough:
        waiting = ", ".join(run.id for run in runs if not run.state.is_over)
        output.trouble(f"the time is up; not over yet, and going on: {waiting}")
        return ExitCode.TIMEOUT
    failures = (endings.failure_of(run.state, run.reason) for run in over)
    return exit_code_of(next(filter(None, failures), None))


def _waited(
    place: Place,
    run_ids: Sequence[str],
    output: Output,
    *,
    for_any: bool,
    timeout_s: float | None,
) -> tuple[list[Run], bool]:
    """Return the runs at the end of the wait, and whether enough of them are over."""
    began, was_warned = time.monotonic(), False
    poll_s, longest_s = _POLL_S
    while True:
        runs = [_found(place, run_id) for run_id in run_ids]
        over = [_is_settled(place, run) for run in runs]
        elapsed_s = time.monotonic() - began
        if any(over) if for_any else all(over):
            return runs, True
        left_s = None if timeout_s is None else timeout_s - elapsed_s
        if left_s is not None and left_s <= 0:
            return runs, False
        if not was_warned and (stuck := _without_supervisor(place, runs)):
            was_warned = True
            output.trouble(
                f"no supervisor works on {', '.join(run.id for run in stuck)}: start one with "
                "`codexmcp serve`"
            )
        output.progress(_progress(runs, elapsed_s))
        time.sleep(poll_s if left_s is None else min(poll_s, left_s))
        poll_s = min(poll_s * 1.5, longest_s)


def _found(place: Place, run_id: str) -> Run:
    run = place.directory.find(run_id)
    if run is None:
        raise RunNotFoundError(
            f"run {run_id} was deleted during the wait; list the remaining runs with "
            "`codexmcp runs list`"
        )
    return run


def _is_settled(place: Place, run: Run) -> bool:
    # The run of a supervisor that died may have ended well: one that lives finds that out.
    awaits_verdict = run.state is RunState.LOST and run.ended_at is None
    return run.state.is_over and not (awaits_verdict and place.directory.owners())


def _without_supervisor(place: Place, runs: Sequence[Run]) -> list[Run]:
    """Return the queued runs that no supervisor is there for."""
    queued = [run for run in runs if run.state is RunState.QUEUED]
    if not queued:
        return []
    groups = {owner.group for owner in place.directory.owners()}
    return [run for run in queued if run.group not in groups]


def _progress(runs: Sequence[Run], elapsed_s: float) -> str:
    under_way = [run for run in runs if not run.state.is_over]
    took = figures.duration(elapsed_s)
    if len(runs) == 1 and under_way:
        (run,) = under_way
        step = run.progress.last_step or run.reason
        return f"{took}  {state_word(run.state)}" + (f": {step}" if step else "")
    return f"{took}  {len(runs) - len(under_way)} of {len(runs)} runs are over"


def _tell(runs: Sequence[Run], output: Output, *, with_titles: bool) -> None:
    for number, run in enumerate(runs):
        if with_titles:
            gap = "\n" if number else ""
            state = state_word(run.state)
            output.say(f"{gap}== {run.id}  {state}  {one_line(run.title)}")
        if run.message.strip():
            output.say(harmless(run.message.rstrip()))
        if run.state is not RunState.COMPLETED or run.reason:
            why = f": {one_line(run.reason)}" if run.reason else ""
            output.trouble(f"run {run.id}: {state_word(run.state)}{why}")
