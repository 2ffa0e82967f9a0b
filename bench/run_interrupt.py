"""Subject `run-interrupt`: from `codex_interrupt` to its answer, beside 50 runs that stream.

The answer comes when the ending is recorded.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Generator

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.script import Kind, prompt
from bench.stage import Stage
from bench.supervised import RunClient, supervisor
from bench.wire import Json

OTHERS = 50
_TIMES = 10
_BOUND_S = 60.0
_POLL_S = 0.05
_EVENTS_OF_SPEAKER = 5
"""Status, turn, twice the user's message, and the beginning of the model's; no pieces of it."""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject(
        [
            Driver("codexmcp, nothing else", lambda: _measure(stage, 0)),
            Driver(f"codexmcp, beside {OTHERS} runs", lambda: _measure(stage, OTHERS)),
        ],
        max_rounds=5,
        warms_up=False,
    )


def _measure(stage: Stage, others: int) -> Sample:
    with (
        supervisor(stage, "--max-runs", "100", "--max-runs-per-folder", "100") as supervised,
        supervised.client() as client,
    ):
        numbers = [client.begin(prompt(Kind.ENDLESS)) for _ in range(others)]
        running = {answer["runId"] for answer in client.answers(numbers)}
        _until(client, lambda speaking: running <= speaking.keys())
        times_ms = [_interrupted_ms(client) for _ in range(_TIMES)]
        assert running == _speaking(client).keys(), "one of the others has ended"
    return {"median, ms": statistics.median(times_ms), "slowest, ms": max(times_ms)}


def _interrupted_ms(client: RunClient) -> float:
    run_id = client.start(prompt(Kind.SILENT))
    _until(client, lambda speaking: run_id in speaking)
    watch = Stopwatch()
    told = client.use("codex_interrupt", {"run_id": run_id})
    passed_ms = watch.lap_ms()
    assert told["status"] == "interrupted", told
    return passed_ms


def _until(client: RunClient, reached: Callable[[dict[str, Json]], bool]) -> None:
    deadline = time.monotonic() + _BOUND_S
    while not reached(speaking := _speaking(client)):
        assert time.monotonic() < deadline, speaking
        time.sleep(_POLL_S)


def _speaking(client: RunClient) -> dict[str, Json]:
    """Return the runs whose model has begun to speak, by id."""
    active = client.use("codex_active_runs", {})["runs"]
    return {run["runId"]: run for run in active if run["progress"]["events"] >= _EVENTS_OF_SPEAKER}
