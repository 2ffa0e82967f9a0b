"""The scripted model of all measurements, in a process of its own.

As an agent's model it hands the prompt to Codex and reports the answer. As Codex's it does what
the prompt's first word says, and its answer names the prompt, so that a result which belongs to
another call is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Generator

from bench import script
from codexmcp.rehearsal.rule import decide
from codexmcp.testing import ModelServer, Outcome, Request, Role

_STOP_S = 10.0


@contextlib.contextmanager
def running_model() -> Generator[str, None, None]:
    """Run the model and give its base URL, while the block runs."""
    process = subprocess.Popen([sys.executable, "-m", "bench.model"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait(_STOP_S)


def _respond(request: Request) -> Outcome:
    return decide(request.body) if request.role is Role.AGENT else script.outcome(request)


async def _serve() -> None:
    async with ModelServer(_respond, keep=1) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
