"""Subject `polls`: processor time of a supervisor and its relay while a client polls 200 tasks.

Each task is polled once a second. Most are queued, so most polls read the store.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.processes import cpu_ms
from bench.script import prompt
from bench.stage import Stage
from bench.supervised import supervisor

_TASKS = 200
_SECONDS = 10
_LATER_MS = 600_000


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject(
        [
            Driver("no polls", lambda: _measure(stage, polls=False)),
            Driver(f"{_TASKS} tasks a second", lambda: _measure(stage, polls=True)),
        ],
        max_rounds=4,
        warms_up=False,
    )


def _measure(stage: Stage, *, polls: bool) -> Sample:
    with supervisor(stage) as supervised, supervised.client() as client:
        tasks = [client.start_task(prompt(), delay_ms=_LATER_MS) for _ in range(_TASKS)]
        pids = (supervised.pid, client.process.pid)
        before_ms, slowest_ms = sum(map(cpu_ms, pids)), 0.0
        end = time.monotonic() + _SECONDS
        while polls and time.monotonic() < end:
            round_end = time.monotonic() + 1
            for task in tasks:
                watch = Stopwatch()
                assert client.task(task)["status"] == "working"
                slowest_ms = max(slowest_ms, watch.lap_ms())
            time.sleep(max(0, round_end - time.monotonic()))
        time.sleep(max(0, end - time.monotonic()))
        used_ms = sum(map(cpu_ms, pids)) - before_ms
        return {"of a core, %": used_ms / _SECONDS / 10, "slowest poll, ms": slowest_ms}
