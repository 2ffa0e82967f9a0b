"""Subject `trees`: calls with two sub-agents each, and calls without beside them.

What is held early and at the end is compared; a server that keeps sub-agents would grow.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Generator

from bench import contestants
from bench.clock import Stopwatch
from bench.contestants import Running
from bench.harness import Sample, Subject
from bench.script import Kind, prompt
from bench.stage import Stage

CALLS = 40
EARLY_CALLS = 20
"""The sub-agents of so many fill what codexmcp keeps loaded."""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    both = (contestants.raw(stage), contestants.codexmcp(stage))
    drivers = [contestants.driver(stage, each, _measure) for each in both]
    yield Subject(drivers, max_rounds=8)


def _measure(running: Running) -> Sample:
    times: dict[Kind, list[float]] = {Kind.PLAIN: [], Kind.TREE: []}
    early: dict[str, float] = {}
    for number in range(CALLS):
        if number == EARLY_CALLS:
            early = running.held()
        for kind, laps in times.items():
            watch = Stopwatch()
            running.calls.run(prompt(kind))
            laps.append(watch.lap_ms())
    sample = {f"{kind}, ms": statistics.median(laps) for kind, laps in times.items()}
    for name, value in running.held().items():
        sample[f"{name} after {EARLY_CALLS}"] = early[name]
        sample[f"{name} after {CALLS}"] = value
    return sample
