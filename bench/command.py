"""The bench's command line: which subjects, how many rounds, where the figures go."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bench import (
    delays,
    deltas,
    endurance,
    http,
    interrupt,
    key_proxy,
    main_program,
    model_cost,
    output,
    parallel,
    run_handle,
    run_interrupt,
    run_listing,
    runs_at_once,
    runs_long,
    server_calls,
    shared_start,
    sync,
    task_polls,
    trees,
    usage,
    workspace,
)
from bench.harness import Measured, Subject, measure
from bench.report import table
from bench.stage import Stage, open_stage

OpenSubject = Callable[[Stage], AbstractContextManager[Subject]]

SUBJECTS: dict[str, OpenSubject] = {
    "model": model_cost.open_subject,
    "server": server_calls.open_subject,
    "main": main_program.open_subject,
    "parallel": parallel.open_subject,
    "trees": trees.open_subject,
    "deltas": deltas.open_subject,
    "key-proxy": key_proxy.open_subject,
    "output": output.open_subject,
    "interrupt": interrupt.open_subject,
    "endurance": endurance.open_subject,
    "relay": shared_start.open_subject,
    "handle": run_handle.open_subject,
    "polls": task_polls.open_subject,
    "run-interrupt": run_interrupt.open_subject,
    "listing": run_listing.open_subject,
    "runs": runs_at_once.open_subject,
    "long-lived": runs_long.open_subject,
    "search": workspace.open_subject,
    "usage": usage.open_subject,
    "sync": sync.open_subject,
    "http": http.open_subject,
    "delays": delays.open_subject,
}


_ROUNDS = 15
_QUICK_ROUNDS = 3
_LENGTHS = (100, 1000, 5000)
_QUICK_LENGTHS = (20, 60)


def main() -> int:
    """Measure what the arguments name, and print it as Markdown."""
    arguments = _parser().parse_args()
    results: dict[str, Any] = {"machine": _machine(), "subjects": {}}
    print(f"{results['machine']}\n")
    rounds = arguments.rounds or (_QUICK_ROUNDS if arguments.quick else _ROUNDS)
    lengths = arguments.runs or (_QUICK_LENGTHS if arguments.quick else _LENGTHS)
    with open_stage(quick=arguments.quick, lengths=tuple(lengths)) as stage:
        for name in arguments.names or SUBJECTS:
            _say(f"{name}: load {_load()}")
            with SUBJECTS[name](stage) as subject:
                measured = measure(subject, rounds, _say)
            print(f"## {name}\n\n{table(subject, measured)}\n\nLoad: {_load()}\n", flush=True)
            results["subjects"][name] = _raw(measured)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAMES",
        help=f"what to measure, of {', '.join(SUBJECTS)}; default: everything",
    )
    parser.add_argument(
        "--rounds", type=int, help=f"at most; default: {_ROUNDS}, or {_QUICK_ROUNDS} with --quick"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds and few calls, to see that all is well"
    )
    parser.add_argument(
        "--runs",
        type=int,
        nargs="+",
        metavar="N",
        help="after how many runs `long-lived` looks at a supervisor; "
        f"default: {' '.join(map(str, _LENGTHS))}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    return parser


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.release()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def _load() -> str:
    return "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())


def _raw(measured: Measured) -> dict[str, dict[str, list[float]]]:
    return {name: dict(metrics) for name, metrics in measured.items()}


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
