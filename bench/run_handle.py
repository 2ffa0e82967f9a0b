"""Subject `handle`: from `codex_run` to the handle, on a warm supervisor.

Beside it what a thread's start takes in app-server, which the handle waits for, and no longer than
30 ms.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Generator

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.script import prompt
from bench.stage import Stage
from bench.supervised import supervisor
from bench.wire import AppServerClient

_HANDLES = 40


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    yield Subject(
        [
            Driver("raw app-server, thread/start", lambda: _raw(stage)),
            Driver("codexmcp, codex_run", lambda: _supervised(stage)),
            Driver("the same as a task", lambda: _supervised(stage, as_task=True)),
        ],
        max_rounds=6,
    )


def _supervised(stage: Stage, *, as_task: bool = False) -> Sample:
    with supervisor(stage) as supervised, supervised.client() as client:
        run_ids: list[str] = []

        def start() -> None:
            begin = client.start_task if as_task else client.start
            run_ids.append(begin(prompt()))

        return _sample(start, lambda: client.wait(run_ids[-1:]))


def _raw(stage: Stage) -> Sample:
    work = stage.work_folder()
    policy = {"cwd": str(work), "sandbox": "workspace-write", "approvalPolicy": "never"}
    with stage.codex_home(stage.pinned) as home:
        argv, env = [str(stage.pinned), "app-server"], stage.environment(home)
        with AppServerClient(argv, env, work) as client:
            client.shake_hands()
            thread_ids = [client.start_thread(policy)]

            def start() -> None:
                thread_ids.append(client.start_thread(policy))

            return _sample(start, lambda: client.turn(thread_ids[-1], prompt()))


def _sample(start: Callable[[], object], finish: Callable[[], object]) -> Sample:
    times_ms = []
    for _ in range(_HANDLES):
        watch = Stopwatch()
        start()
        times_ms.append(watch.lap_ms())
        # So that each is asked for while nothing else goes on.
        finish()
    times_ms.sort()
    return {"median, ms": statistics.median(times_ms), "p95, ms": times_ms[_HANDLES * 95 // 100]}
