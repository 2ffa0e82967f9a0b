"""Plays seeds in processes of their own and prints a summary. See docs/how-to/campaign.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.campaign.ground import Options
from tests.campaign.judge import judge
from tests.campaign.plan import plan_of
from tests.campaign.stage import play
from tests.support.builds import CHECKOUT

_SEED_S = 300.0
"""Bound on a seed, in seconds; one takes 10 to 40."""

_MAX_KEPT = 40
"""Bound on the kept folders of seeds with findings; one takes 5 to 15 MB."""

_PR_SET_CHILD_SUBREAPER = 36
Record = dict[str, Any]


def main() -> int:
    """Run the command line; the exit code is 1 if something was found, 130 if it was stopped."""
    options = _arguments()
    if options.summary:
        print(summary(_records(options.out)))  # noqa: T201
        return 0
    if options.only is None:
        return asyncio.run(_campaign(options))
    try:
        record = run_seed(options.only, options)
    except KeyboardInterrupt:
        return 130
    print(json.dumps(record))  # noqa: T201
    return 1 if record["findings"] else 0


def run_seed(seed: int, options: argparse.Namespace) -> Record:
    """Play one seed and return its record; keep its folder if there are findings."""
    # On Linux, orphans become our children, so that none can hide.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    plan, began = plan_of(seed), time.monotonic()
    evidence = asyncio.run(play(plan, Options(options.work, options.watch, options.codex)))
    findings = [asdict(each) for each in judge(evidence)]
    folder = options.work / str(seed)
    if findings or options.keep:
        told = {"plan": asdict(plan), "evidence": asdict(evidence), "findings": findings}
        (folder / "evidence.json").write_text(json.dumps(told, indent=1))
    else:
        shutil.rmtree(folder)
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "runs": Counter(run.state for run in evidence.stored),
        "calls": len(evidence.calls),
        "requests": len(evidence.asked),
        "agents": len({each.token for each in evidence.asked}),
        "faults": Counter(kind for _, kind in evidence.faults),
        "findings": findings,
    }


def summary(records: list[Record]) -> str:
    """Return the numbers of a campaign as text."""
    totals, kinds = defaultdict[str, Counter[str]](Counter), defaultdict[str, list[int]](list)
    for record in records:
        for name in ("runs", "faults"):
            totals[name].update(record[name])
        totals["code"][record["code"]] += 1
        for name in ("calls", "requests", "agents", "seconds"):
            totals["counts"][name] += record[name]
        for kind in {each["kind"] for each in record["findings"]}:
            kinds[kind].append(record["seed"])
    seeds = sorted(each["seed"] for each in records) or [0]
    lines = [f"{len(records)} seeds, {seeds[0]} to {seeds[-1]}"]
    for name, counter in totals.items():
        each = ", ".join(f"{key} {count:g}" for key, count in counter.most_common())
        lines.append(f"{name} {f'{counter.total()}: ' * (name in {'runs', 'faults'})}{each}")
    lines.append(f"{sum(bool(each['findings']) for each in records)} seeds with findings")
    for kind, where in sorted(kinds.items(), key=lambda each: -len(each[1])):
        lines.append(f"  {kind}: {len(where)} ({' '.join(map(str, sorted(where)[:20]))})")
    return "\n".join(lines)


async def _campaign(options: argparse.Namespace) -> int:
    """Play all seeds that have no record yet; Ctrl-C stops, and the next call goes on."""
    done = {each["seed"] for each in _records(options.out)}
    seeds = iter([s for s in range(options.first, options.first + options.seeds) if s not in done])
    workers = [asyncio.create_task(_worker(seeds, options)) for _ in range(options.jobs)]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(
            number, lambda: [each.cancel() for each in workers]
        )
    await asyncio.gather(*workers, return_exceptions=True)
    records = _records(options.out)
    print(summary(records))  # noqa: T201
    if any(each.cancelled() for each in workers):
        return 130
    return 1 if any(each["findings"] for each in records) else 0


async def _worker(seeds: Iterator[int], options: argparse.Namespace) -> None:
    code = _code()
    for seed in seeds:
        record = {**await _played(seed, options), "code": code}
        with options.out.open("a") as out:
            out.write(json.dumps(record) + "\n")
        kinds = ", ".join(sorted({each["kind"] for each in record["findings"]}))
        print(seed, f"{record['seconds']} s", kinds or "ok", flush=True)  # noqa: T201
        kept = sorted(options.work.glob("[0-9]*/evidence.json"), key=lambda f: f.stat().st_mtime)
        for file in kept[:-_MAX_KEPT]:
            shutil.rmtree(file.parent, ignore_errors=True)


async def _played(seed: int, options: argparse.Namespace) -> Record:
    """Return the record of a seed that is played in a process of its own."""
    argv = [sys.executable, "-m", "tests.campaign", "--only", str(seed)]
    argv += ["--work", str(options.work), "--watch", str(options.watch)]
    argv += ["--codex", str(options.codex)] if options.codex else []
    # A session of its own: Ctrl-C goes to us, and we pass it on.
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=CHECKOUT, stdout=subprocess.PIPE, start_new_session=True
    )
    told = b""
    try:
        async with asyncio.timeout(_SEED_S):
            told, _ = await process.communicate()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            # It ends its processes and unmounts its home.
            process.send_signal(signal.SIGINT)
            await process.wait()
    if told:
        record: Record = json.loads(told)
        return record
    text = f"the campaign itself failed with {process.returncode}"
    numbers = dict.fromkeys(("seconds", "calls", "requests", "agents"), 0)
    finding = {"kind": "no verdict", "about": "seed", "text": text}
    return {"seed": seed, **numbers, "runs": {}, "faults": {}, "findings": [finding]}


def _code() -> str:
    """Return the commit of the checkout, with `-dirty` when it was changed."""
    argv = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(
        argv, cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.strip()


def _records(file: Path) -> list[Record]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    cache = CHECKOUT / ".cache" / "campaign"
    add = parser.add_argument
    add("--seeds", type=int, default=20, help="number of seeds; default: 20")
    add("--from", dest="first", type=int, default=1, metavar="SEED", help="first seed; default: 1")
    add("--out", type=Path, default=cache / "results.jsonl", help="file to append results to")
    add("--jobs", type=int, default=1, help="seeds at once; default: 1")
    add("--watch", type=float, default=20.0, help="seconds to watch the end of a seed; default: 20")
    add("--codex", type=Path, help="binary of another build of Codex")
    add("--work", type=Path, default=cache, help="folder for the seeds, not below /tmp")
    add("--only", type=int, metavar="SEED", help="play one seed and print its record")
    add("--keep", action="store_true", help="with --only: keep its folder in any case")
    add("--summary", action="store_true", help="print the numbers of --out")
    options = parser.parse_args()
    options.work = options.work.resolve()
    for folder in (options.work, options.out.parent):
        folder.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    sys.exit(main())
