"""Subject `server`: one client's calls, from the server's cold start on.

The base is the server that Codex had until 0.153.4; a raw client of app-server is the floor.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.script import answer_to, prompt
from bench.stage import Stage, codexmcp_command
from bench.wire import AppServerClient, McpClient

WARM_CALLS = 6


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    native = [str(stage.native), "mcp-server"]
    script = [*codexmcp_command(), "mcp-server"]
    module = [*codexmcp_command(as_module=True), "mcp-server"]
    yield Subject(
        [
            Driver("native 0.153.4", partial(_mcp, stage, native, stage.native)),
            Driver("codexmcp", partial(_mcp, stage, script, stage.pinned)),
            Driver("codexmcp, as a module", partial(_mcp, stage, module, stage.pinned)),
            Driver("codexmcp, key proxy", partial(_mcp, stage, script, stage.pinned, key="own")),
            Driver(
                "codexmcp, Codex's key proxy",
                partial(_mcp, stage, script, stage.pinned, key="codex"),
            ),
            Driver("raw app-server", partial(_raw, stage, stage.pinned)),
            Driver("raw app-server 0.153.4", partial(_raw, stage, stage.native)),
        ]
    )


def _mcp(stage: Stage, argv: list[str], codex: Path, *, key: str = "") -> Sample:
    work = stage.work_folder()
    policy = {"cwd": str(work), "sandbox": "workspace-write", "approval-policy": "never"}
    with stage.codex_home(codex, provider=not key) as home:
        env = stage.environment(home, key=bool(key), key_proxy=key)
        watch = Stopwatch()
        with McpClient(argv, env, work) as client:
            client.shake_hands()
            ready_ms = watch.lap_ms()
            thread_ids: list[str] = []

            def start(asked: str) -> str:
                said, thread_id = client.tool("codex", {"prompt": asked, **policy})
                thread_ids.append(thread_id)
                return said

            def reply(asked: str) -> str:
                fields = {"prompt": asked, "threadId": thread_ids[-1]}
                said, thread_id = client.tool("codex-reply", fields)
                assert thread_id == thread_ids[-1]
                return said

            sample = _calls(ready_ms, start, reply)
            watch.lap_ms()
        return {**sample, "end, ms": watch.lap_ms()}


def _raw(stage: Stage, codex: Path) -> Sample:
    work = stage.work_folder()
    policy = {"cwd": str(work), "sandbox": "workspace-write", "approvalPolicy": "never"}
    with stage.codex_home(codex) as home:
        watch = Stopwatch()
        with AppServerClient([codex, "app-server"], stage.environment(home), work) as client:
            client.shake_hands()
            ready_ms = watch.lap_ms()
            thread_ids: list[str] = []

            def start(asked: str) -> str:
                thread_ids.append(client.start_thread(policy))
                return client.turn(thread_ids[-1], asked)

            sample = _calls(ready_ms, start, lambda asked: client.turn(thread_ids[-1], asked))
            watch.lap_ms()
        return {**sample, "end, ms": watch.lap_ms()}


def _calls(ready_ms: float, start: Callable[[str], str], reply: Callable[[str], str]) -> Sample:
    cold_ms = ready_ms + _timed(start)
    return {
        "initialize, ms": ready_ms,
        "cold `codex`, ms": cold_ms,
        "warm `codex`, ms": statistics.median(_timed(start) for _ in range(WARM_CALLS)),
        "`codex-reply`, ms": statistics.median(_timed(reply) for _ in range(WARM_CALLS)),
    }


def _timed(ask: Callable[[str], str]) -> float:
    asked = prompt()
    watch = Stopwatch()
    said = ask(asked)
    passed_ms = watch.lap_ms()
    assert said == answer_to(asked), said
    return passed_ms
