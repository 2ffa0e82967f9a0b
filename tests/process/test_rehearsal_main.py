"""`python -m codexmcp.rehearsal` as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys

import httpx2 as httpx
import pytest

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
