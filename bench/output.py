"""Subject `output`: a turn whose one command prints 50 MB, of which Codex keeps 1 MiB."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from bench import contestants
from bench.clock import Stopwatch
from bench.contestants import Running
from bench.harness import Sample, Subject
from bench.processes import resident_mb
from bench.script import Kind, prompt
from bench.stage import Stage


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    three = (contestants.native(stage), contestants.codexmcp(stage), contestants.raw(stage))
    yield Subject([contestants.driver(stage, each, _measure) for each in three], max_rounds=10)


def _measure(running: Running) -> Sample:
    watch = Stopwatch()
    running.calls.run(prompt(Kind.LOUD))
    sample = {"wall, ms": watch.lap_ms()}
    if running.ours is not None:
        sample["our peak RSS, MB"] = resident_mb(running.ours, peak=True)
    return {**sample, "Codex's peak RSS, MB": resident_mb(running.codex, peak=True)}
