"""Subject `relay`: from the start of a client's server to the answer to its first request.

That is `initialize`, or `server/discover` of MCP 2026-07-28.

With a supervisor up, the time is that of Python's start, the relay's imports and one round trip.
Without one the relay answers by itself, and starts it meanwhile. The base is the server that Codex
had until 0.153.4.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.stage import Stage, codexmcp_command
from bench.supervised import Supervised, supervisor
from bench.wire import McpClient


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    with supervisor(stage) as supervised:

        def native() -> Sample:
            with stage.codex_home(stage.native) as home:
                argv = [str(stage.native), "mcp-server"]
                return _start(argv, stage.environment(home), supervised.work)

        def relay() -> Sample:
            return _start(supervised.relay(), supervised.env, supervised.work)

        def discovered() -> Sample:
            watch = Stopwatch()
            with McpClient(supervised.relay(), supervised.env, supervised.work) as client:
                client.discover()
                return {"initialize, ms": watch.lap_ms()}

        def cold() -> Sample:
            with stage.codex_home(stage.pinned) as home:
                runtime = home.parent / "run"
                runtime.mkdir(mode=0o700)
                env = stage.environment(home) | {"XDG_RUNTIME_DIR": str(runtime)}
                try:
                    return _start(supervised.relay(), env, supervised.work)
                finally:
                    stop = [*codexmcp_command(), "serve", "--stop"]
                    subprocess.run(stop, env=env, check=False, capture_output=True)

        yield Subject(
            [
                Driver("native 0.153.4", native),
                Driver("codexmcp --shared", relay),
                Driver("the same, server/discover", discovered),
                Driver("the same without a supervisor", cold),
                Driver("Python's start alone", lambda: _python(supervised)),
            ]
        )


def _start(argv: Sequence[str], env: Mapping[str, str], work: Path) -> Sample:
    watch = Stopwatch()
    with McpClient(argv, env, work) as client:
        client.shake_hands()
        return {"initialize, ms": watch.lap_ms()}


def _python(supervised: Supervised) -> Sample:
    watch = Stopwatch()
    subprocess.run([sys.executable, "-P", "-c", ""], env=supervised.env, check=True)
    return {"initialize, ms": watch.lap_ms()}
