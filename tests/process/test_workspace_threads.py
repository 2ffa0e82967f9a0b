"""The end of a process whose threads for files are at work or held up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codexmcp.workspace import threads
from tests.support.builds import CHECKOUT

BOUND_S = 20.0

_STUCK = """
import asyncio, sys, threading
from codexmcp.workspace import threads
threads._FAREWELL_S = float(sys.argv[1])
reached, written = threading.Event(), threading.Event()

def work():
    reached.set()
    if sys.argv[2] == "stuck":
        threading.Event().wait()
    written.wait(20)
    print("written", flush=True)

async def main():
    task = asyncio.create_task(threads.FILES.run(work))
    await asyncio.to_thread(reached.wait, 20)
    task.cancel()

import atexit
# What is registered first is called last.
asyncio.run(main())
atexit.register(written.set)
"""

_ALL_STUCK = """
import asyncio, atexit, threading
from tests.support.still_clock import StillClock

clock = StillClock()
began = clock.now
# What is registered first is called last.
atexit.register(lambda: print(round(clock.now - began, 1)))
from codexmcp.workspace import threads
threads.time = clock

async def main():
    kinds = (threads.FILES, threads.SEARCHES, threads.GIT, threads.PORTFOLIO, threads.EXTENSION)
    reached = threading.Semaphore(0)

    def work():
        reached.release()
        threading.Event().wait()

    for kind in kinds:
        stuck = asyncio.create_task(kind.run(work))
        await asyncio.to_thread(reached.acquire, timeout=20)
        stuck.cancel()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("farewell_s", "what", "out"), [("0", "stuck", ""), ("20", "busy", "written\n")]
)
def test_the_process_ends_beside_what_is_held_up_and_waits_for_what_is_not(
    farewell_s: str, what: str, out: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _STUCK, farewell_s, what],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == (out, "")


def test_the_end_of_the_process_waits_once_for_all_kinds() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ALL_STUCK],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=True,
        cwd=CHECKOUT,
    )
    assert (ended.stdout, ended.stderr) == (f"{threads._FAREWELL_S}\n", "")
