"""Find a supervised run again after `kill -9` of the program that started it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from codexmcp import Runs


async def start() -> None:
    """Start a run, and die."""
    async with Runs() as runs:
        run = await runs.start("Run `sleep 1; uname -s` now", sandbox="workspace-write")
        print(run.run_id, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def go_on(run_id: str) -> None:
    """Follow the run, and continue its thread."""
    async with Runs() as runs:
        run = await runs.get(run_id)
        async for event in run.events():
            print(event)
        print("result:", (await run.result()).message)
        further = await run.resume("Run `uname -r` now")
        print("further:", (await further.result()).message)


if len(sys.argv) > 1:
    asyncio.run(start())
else:
    command = [sys.executable, __file__, "start"]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print("killed:", killed.returncode)
    asyncio.run(go_on(killed.stdout.strip()))
