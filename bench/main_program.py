"""Subject `main`: `main.py` as a whole process, against itself with the removed server.

The scripted model serves the agent and Codex. `import agents` alone shows what the SDK costs.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.script import answer_to, prompt
from bench.stage import Stage
from tests.support.builds import CHECKOUT

_TIMEOUT_S = 120.0


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    native = shlex.join([str(stage.native), "mcp-server"])
    yield Subject(
        [
            Driver(
                "main.py with native 0.153.4",
                partial(_program, stage, stage.native, ["--server-command", native]),
            ),
            Driver("main.py", partial(_program, stage, stage.pinned, [])),
            Driver("main.py, key proxy", partial(_program, stage, stage.pinned, [], proxy=True)),
            Driver("`import agents` alone", partial(_imports, stage)),
        ]
    )


def _program(stage: Stage, codex: Path, options: list[str], *, proxy: bool = False) -> Sample:
    work = stage.work_folder()
    asked = prompt()
    argv = [sys.executable, str(CHECKOUT / "main.py"), *options, "--cwd", str(work), asked]
    with stage.codex_home(codex, provider=not proxy) as home:
        env = stage.environment(home, key=True)
        watch = Stopwatch()
        ended = _run(argv, env, work)
        passed_ms = watch.lap_ms()
    assert answer_to(asked) in ended.stdout, ended
    return {"whole, ms": passed_ms}


def _imports(stage: Stage) -> Sample:
    env = stage.environment(stage.root / "empty")
    watch = Stopwatch()
    _run([sys.executable, "-c", "import agents, agents.mcp"], env, stage.root)
    return {"whole, ms": watch.lap_ms()}


def _run(argv: list[str], env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    assert ended.returncode == 0, ended
    return ended
