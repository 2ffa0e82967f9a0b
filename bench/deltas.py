"""Subject `deltas`: one answer that comes in 20,000 pieces."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from bench import contestants
from bench.clock import Stopwatch
from bench.contestants import Running
from bench.harness import Sample, Subject
from bench.processes import cpu_ms
from bench.script import Kind, prompt
from bench.stage import Stage


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    all_of_them = (
        contestants.native(stage),
        contestants.codexmcp(stage),
        contestants.codexmcp(stage, "--no-deltas"),
        contestants.raw(stage),
    )
    drivers = [contestants.driver(stage, each, _measure) for each in all_of_them]
    yield Subject(drivers, max_rounds=10)


def _measure(running: Running) -> Sample:
    pids = {"our CPU, ms": running.ours, "Codex's CPU, ms": running.codex}
    used = {name: -cpu_ms(pid) for name, pid in pids.items() if pid is not None}
    watch = Stopwatch()
    running.calls.run(prompt(Kind.LONG))
    passed_ms = watch.lap_ms()
    for name in used:
        used[name] += cpu_ms(pids[name] or 0)
    return {"wall, ms": passed_ms, **used}
