"""Subject `long-lived`: what one supervisor and its app-server hold after many runs.

How many is said by `--runs`. The answers come at once, several runs are under way at a time, and
clients come and go; nothing is under way when it is looked.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.processes import descriptors, folder_mb, resident_mb, shared_out_mb
from bench.script import prompt
from bench.stage import Stage
from bench.supervised import RunClient, Supervised, is_right, supervisor

_AT_ONCE = 8
_BATCHES_OF_A_CLIENT = 25
_SETTLE_S = 2.0
"""The last threads are unloaded behind the answers."""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject(
        [Driver("codexmcp", lambda: _measure(stage))],
        max_rounds=1,
        warms_up=False,
    )


def _measure(stage: Stage) -> Sample:
    sample: dict[str, float] = {}
    made = 0
    with supervisor(stage) as supervised:
        for length in sorted(stage.lengths):
            watch = Stopwatch()
            since = made
            while made < length:
                with supervised.client() as client:
                    for _ in range(_BATCHES_OF_A_CLIENT):
                        made += _make(client, min(_AT_ONCE, length - made))
                time.sleep(_SETTLE_S)
            sample[f"a run, up to {length}, ms"] = watch.lap_ms() / (length - since)
            for name, value in _held(supervised).items():
                sample[f"{name} after {length}"] = value
    return sample


def _make(client: RunClient, count: int) -> int:
    asked = [prompt() for _ in range(count)]
    handles = client.answers([client.begin(each) for each in asked])
    ended = client.wait([handle["runId"] for handle in handles]) if handles else []
    for each in zip(ended, asked, strict=True):
        assert is_right(*each), each
    return count


def _held(supervised: Supervised) -> dict[str, float]:
    return {
        "supervisor's RSS, MB,": resident_mb(supervised.pid),
        "supervisor's descriptors": descriptors(supervised.pid),
        "app-server's RSS, MB,": resident_mb(supervised.codex),
        "app-server's descriptors": descriptors(supervised.codex),
        "PSS of both, MB,": shared_out_mb([supervised.pid, supervised.codex]),
        "CODEX_HOME, MB,": folder_mb(supervised.home),
    }
