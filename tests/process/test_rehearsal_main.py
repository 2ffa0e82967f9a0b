"""`python -m codexmcp.rehearsal` as a process of its own, and the test kit as it is documented."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.builds import CHECKOUT
from tests.support.ended import run_to_end
from tests.support.real_app_server import environment

BOUND_S = 30.0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_its_url_serves_and_ends_cleanly_on_a_signal(
    signum: signal.Signals,
) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "codexmcp.rehearsal")
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(BOUND_S), httpx.AsyncClient() as http:
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().strip()
            answer = await http.post(f"{url}/responses", json={"input": "think"})
            assert answer.status_code == 400
            process.send_signal(signum)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_the_example_of_the_documentation_works(codex_home: Path, tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "how-to" / "testing.md").read_text()
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example is not None
    ran = await run_to_end(
        [sys.executable, "-c", example[1]], environment(codex_home), cwd=tmp_path, bound_s=BOUND_S
    )
    assert (ran.code, ran.out) == (0, "All tests pass.\n"), ran.err
