"""`codexmcp.SyncCodex`, for scripts without an event loop."""

from __future__ import annotations

import asyncio
import signal
import sys

from codexmcp.testing import ShellCall, Text
from tests.support.ended import run_to_end
from tests.support.processes import until
from tests.support.supervision import BOUND_S, Station, kill

WORKS = """
import sys
from codexmcp import CommandFinished, SyncCodex
from codexmcp.errors import UsageError

with SyncCodex(cwd=sys.argv[1], sandbox="workspace-write") as codex:
    first = codex.run("first")
    print(first.message)
    with codex.stream("work", resume=first.thread_id) as turn:
        print([event.exit_code for event in turn if isinstance(event, CommandFinished)])
        print(turn.result().message)
    with codex.stream("long") as turn:
        next(iter(turn))
    try:
        codex.run("x", sandbox="none")
    except UsageError:
        print("refused")
"""

WAITS = """
import sys
from codexmcp import SyncCodex

with SyncCodex(cwd=sys.argv[1], sandbox="workspace-write") as codex:
    try:
        codex.run("long")
    except KeyboardInterrupt:
        print(codex.run("other").message)
        raise
"""


async def test_a_script_runs_and_follows_tasks(here: Station) -> None:
    here.model.on("work", ShellCall("exit 3"), Text("worked"))
    here.model.on("long", ShellCall("sleep 1240"))
    ran = await run_to_end(
        [sys.executable, "-c", WORKS, str(here.project)], here.env, bound_s=2 * BOUND_S
    )
    assert ran.out.splitlines() == ["done: first", "[3]", "worked", "refused"], ran.err
    await here.emptied()


async def test_ctrl_c_interrupts_the_turn_and_ends_everything(here: Station) -> None:
    here.model.on("long", ShellCall("sleep 1241"))
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WAITS, str(here.project)),
        env=here.env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await until(lambda: here.matching("sleep 1241"), "the command runs")
    kill(program.pid, signal.SIGINT)
    async with asyncio.timeout(BOUND_S):
        out, err = await program.communicate()
    assert (program.returncode, out) == (-signal.SIGINT, b"done: other\n"), err
    await here.emptied()
