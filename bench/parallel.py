"""Subject `parallel`: many calls at once, each of which the model thinks about for 2 s."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from bench import contestants
from bench.clock import Stopwatch
from bench.contestants import Running
from bench.harness import Sample, Subject
from bench.script import Kind, prompt
from bench.stage import Stage

CALLS = 20


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    three = (contestants.native(stage), contestants.codexmcp(stage), contestants.raw(stage))
    yield Subject([contestants.driver(stage, each, _measure) for each in three], max_rounds=10)


def _measure(running: Running) -> Sample:
    watch = Stopwatch()
    numbers = [running.calls.begin(prompt(Kind.SLOW)) for _ in range(CALLS)]
    running.calls.finish(numbers)
    return {f"{CALLS} calls, ms": watch.lap_ms()}
