"""Subject `endurance`: many calls one after the other, each on a new thread.

What is held early and at the end is compared; a server that keeps every thread loaded grows.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Generator
from dataclasses import replace

from bench import contestants
from bench.clock import Stopwatch
from bench.contestants import Running
from bench.harness import Sample, Subject
from bench.processes import folder_mb, written_mb
from bench.script import prompt
from bench.stage import Stage

EARLY_CALLS = 50
"""More than codexmcp keeps loaded."""

_FEW_DESCRIPTORS = 256
"""What macOS gives a process."""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    ours = contestants.codexmcp(stage)
    few = replace(ours, name=f"codexmcp, ulimit {_FEW_DESCRIPTORS}", descriptors=_FEW_DESCRIPTORS)
    calls = 150 if stage.quick else 1000

    def measure(running: Running) -> Sample:
        return _measure(running, calls)

    all_of_them = (contestants.native(stage), ours, few, contestants.raw(stage))
    drivers = [contestants.driver(stage, each, measure) for each in all_of_them]
    yield Subject(drivers, max_rounds=1, warms_up=False)


def _measure(running: Running, calls: int) -> Sample:
    early_ms = _make(running, EARLY_CALLS)
    held, written, kept = running.held(), written_mb(running.codex), folder_mb(running.home)
    late_ms = _make(running, calls - EARLY_CALLS)
    sample = {f"call, first {EARLY_CALLS}, ms": statistics.median(early_ms)}
    sample[f"call, last {EARLY_CALLS}, ms"] = statistics.median(late_ms[-EARLY_CALLS:])
    for name, value in running.held().items():
        sample[f"{name} after {EARLY_CALLS}"] = held[name]
        sample[f"{name} after {calls}"] = value
    later = calls - EARLY_CALLS
    sample["written by Codex, MB a call"] = (written_mb(running.codex) - written) / later
    sample["kept in CODEX_HOME, MB a call"] = (folder_mb(running.home) - kept) / later
    return sample


def _make(running: Running, calls: int) -> list[float]:
    times_ms = []
    for _ in range(calls):
        watch = Stopwatch()
        running.calls.run(prompt())
        times_ms.append(watch.lap_ms())
    return times_ms
