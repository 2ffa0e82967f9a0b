"""Subject `interrupt`: from the withdrawal of a call to the end of its turn, beside 8 others.

The others run commands that print 50 lines a second, and the client is told of every line.
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

OTHERS = 8
_TIMES = 5


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    three = (contestants.native(stage), contestants.codexmcp(stage), contestants.raw(stage))
    yield Subject([contestants.driver(stage, each, _measure) for each in three], max_rounds=10)


def _measure(running: Running) -> Sample:
    calls = running.calls
    others = {calls.begin(prompt(Kind.CHATTER)) for _ in range(OTHERS)}
    calls.until(lambda: others <= calls.started)
    sample: dict[str, float] = {}
    for name, kind in (("the model speaks", Kind.SILENT), ("a command runs", Kind.CHATTER)):
        times_ms = [_interrupted_ms(running, kind) for _ in range(_TIMES)]
        sample[f"while {name}, ms"] = statistics.median(times_ms)
        sample["slowest, ms"] = max([*times_ms, sample.get("slowest, ms", 0.0)])
    for number in others:
        calls.cancel(number)
    calls.until(lambda: others <= calls.aborted)
    if running.ours is None:
        # The removed server leaves the commands running, and then does not end.
        calls.abandon()
    return sample


def _interrupted_ms(running: Running, kind: Kind) -> float:
    calls = running.calls
    number = calls.begin(prompt(kind))
    calls.until(lambda: number in calls.started)
    watch = Stopwatch()
    calls.cancel(number)
    calls.until(lambda: number in calls.aborted)
    return watch.lap_ms()
