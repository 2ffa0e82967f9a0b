"""Subject `runs`: many runs at once on one supervisor, and as many `codex exec` processes.

Each run's model speaks for 2 s, in 20 pieces. A first batch is timed; a second one has its memory
looked at, which itself takes time.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.peak import peak_of
from bench.processes import cpu_ms, free_mb, tree
from bench.script import Kind, answer_to, prompt
from bench.stage import Stage
from bench.supervised import is_right, supervisor

COUNTS = (1, 20, 50, 100, 300)
_QUICK_COUNTS = (1, 5)
_EXEC_MB = 60
"""More than one more `codex exec` takes. No batch may take a third of the machine's free memory."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to make many runs at once.

    Attributes:
        make: Makes so many and returns how many failed.
        processes: Those that take part, the model's left out.
        used_ms: Their processor time so far.
    """

    make: Callable[[int], int]
    processes: Callable[[], Iterable[int]]
    used_ms: Callable[[], float]


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    counts = _QUICK_COUNTS if stage.quick else COUNTS
    yield Subject(
        [
            Driver("codex exec", lambda: _by_exec(stage, counts)),
            Driver("codexmcp", lambda: _by_supervisor(stage, counts)),
        ],
        max_rounds=3,
        warms_up=False,
    )


def _by_supervisor(stage: Stage, counts: Iterable[int]) -> Sample:
    limits = ("--max-runs", "400", "--max-runs-per-folder", "400")
    with supervisor(stage, *limits) as supervised, supervised.client() as client:

        def make(count: int) -> int:
            asked = [prompt(Kind.STEADY) for _ in range(count)]
            handles = client.answers([client.begin(each) for each in asked])
            ended = client.wait([handle["runId"] for handle in handles])
            return sum(not is_right(*each) for each in zip(ended, asked, strict=True))

        def processes() -> set[int]:
            return tree(supervised.pid, client.process.pid)

        def used_ms() -> float:
            return sum(cpu_ms(pid, with_children=True) for pid in processes())

        return _sample(_Way(make, processes, used_ms), counts)


def _by_exec(stage: Stage, counts: Iterable[int]) -> Sample:
    work = stage.work_folder()
    running: list[subprocess.Popen[bytes]] = []
    with stage.codex_home(stage.pinned) as home:
        argv = [
            str(stage.pinned),
            "exec",
            "--json",
            "--skip-git-repo-check",
            "-s",
            "workspace-write",
        ]
        env = stage.environment(home)

        def make(count: int) -> int:
            asked = [prompt(Kind.STEADY) for _ in range(count)]
            for each in asked:
                process = subprocess.Popen(
                    [*argv, each],
                    cwd=work,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
                running.append(process)
            said = [process.communicate()[0] for process in running]
            running.clear()
            return sum(not _has_answer(*each) for each in zip(said, asked, strict=True))

        def used_ms() -> float:
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return (usage.ru_utime + usage.ru_stime) * 1000

        way = _Way(make, lambda: tree(*(each.pid for each in running)), used_ms)
        return _sample(way, [count for count in counts if count * _EXEC_MB < free_mb() / 3])


def _sample(way: _Way, counts: Iterable[int]) -> Sample:
    sample: dict[str, float] = {}
    for count in counts:
        used = way.used_ms()
        watch = Stopwatch()
        failures = way.make(count)
        sample[f"{count} at once, s"] = watch.lap_ms() / 1000
        sample[f"{count}: processor time, s"] = (way.used_ms() - used) / 1000
        with peak_of(way.processes) as peak:
            failures += way.make(count)
        sample[f"{count}: most memory, MB"] = peak.mb
        sample[f"{count}: failures of {2 * count}"] = failures
    return sample


def _has_answer(output: bytes, asked: str) -> bool:
    items = (json.loads(line).get("item", {}) for line in output.splitlines())
    return any(item.get("text") == answer_to(asked) for item in items)
