"""Subject `usage`: 1 GB of rollouts, read anew and read on, beside parsing all lines as JSON."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.peak import peak_of
from bench.stage import Stage
from codexmcp.usage.tokens import Tokens
from tests.support.rollouts import line, meta, pack, put, started, usage

_BYTES, _QUICK_BYTES = 1_000_000_000, 20_000_000
_TURNS, _RESPONSES = 20, 20
_TOKENS = Tokens(20_000, 15_000, 0, 500, 200)

_PARSING = """
import json, pathlib, sys
count = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("rollout-*.jsonl")):
    with path.open("rb") as file:
        for line in file:
            count += json.loads(line)["payload"].get("type") == "token_count"
print(count)
"""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    with tempfile.TemporaryDirectory(dir=stage.root) as folder:
        home, packed = Path(folder, "plain"), Path(folder, "packed")
        requests = _fill(home, _QUICK_BYTES if stage.quick else _BYTES)
        _pack(home, packed)
        command = [sys.executable, "-P", "-m", "codexmcp", "usage", "--json"]

        def ours(*words: str, of: Path = home) -> Sample:
            out, sample = _run([*command, *words], stage.environment(of))
            assert json.loads(out)["total"]["requests"] == requests
            return sample

        def parsing() -> Sample:
            out, sample = _run([sys.executable, "-c", _PARSING, str(home)], stage.environment(home))
            assert int(out) == requests
            return sample

        def first() -> Sample:
            (home / "mcp-wrapper" / "usage.sqlite3").unlink(missing_ok=True)
            return ours()

        ours()
        yield Subject(
            [
                Driver("JSON of every line", parsing),
                Driver("usage, no index yet", first),
                Driver("usage --no-cache", lambda: ours("--no-cache")),
                Driver("usage, nothing new", ours),
                Driver("usage --no-cache, compressed", lambda: ours("--no-cache", of=packed)),
            ],
            max_rounds=5,
        )


def _run(command: list[str], env: dict[str, str]) -> tuple[str, Sample]:
    """Run a command; return what it printed, and how long it took with how much memory."""
    watch = Stopwatch()
    with (
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process,
        peak_of(lambda: [process.pid]) as peak,
    ):
        out, _ = process.communicate()
        seconds = watch.lap_ms() / 1000
    assert process.returncode == 0
    return out, {"s": seconds, "peak MB": peak.mb}


def _fill(home: Path, size: int) -> int:
    """Write rollouts of so many bytes with lines as long as Codex's; return how many responses."""
    written = requests = number = 0
    while written < size:
        lines = list(_session(f"t{number}"))
        written += put(home, f"{number:05}", lines).stat().st_size
        requests += _TURNS * _RESPONSES
        number += 1
    return requests


def _pack(home: Path, to: Path) -> None:
    """Write what a home holds into another one, compressed."""
    for path in home.rglob("rollout-*.jsonl"):
        copy = to / path.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        pack(copy)


def _session(thread: str) -> Iterator[bytes]:
    instructions = {"base_instructions": {"text": "You are Codex. " * 1300}}
    yield _with(meta(thread), instructions)
    total = Tokens()
    for number in range(_TURNS):
        turn = f"{thread}-{number}"
        yield started(turn)
        yield _with(
            line("turn_context", {"turn_id": turn, "cwd": "/w", "model": "gpt-5.5"}),
            {"permission_profile": {"entries": [{"path": f"/some/path/{n}"} for n in range(60)]}},
        )
        for _ in range(_RESPONSES):
            total = total.plus(_TOKENS)
            yield from _response(turn, total)


def _response(turn: str, total: Tokens) -> Iterator[bytes]:
    output = 'src/module.py:17:    return "value"  # a line of output\n' * 110
    record = {"turn_id": turn, "response_id": "r" * 40, "usage": usage(_TOKENS)}
    sums = {"turn_token_usage": usage(total), "thread_token_usage": usage(total)}
    count = {"total_token_usage": usage(total), "last_token_usage": usage(_TOKENS)}
    yield line("response_item", {"type": "reasoning", "encrypted_content": "gAAAAAB" * 300})
    yield line("response_item", {"type": "function_call", "arguments": '{"cmd":"rg value"}'})
    yield line("event_msg", {"type": "item_completed", "item": {"output": output}})
    yield line("token_usage_record", {**record, **sums})
    yield line("response_item", {"type": "function_call_output", "output": output})
    yield line("event_msg", {"type": "token_count", "info": count})


def _with(data: bytes, more: dict[str, Any]) -> bytes:
    fields = json.loads(data)
    return line(fields["type"], {**fields["payload"], **more})
