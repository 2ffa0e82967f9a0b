"""The answer to `initialize` that a server gives before it has an event loop."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codexmcp.errors import ExitCode

PROGRAM = """
import sys
from codexmcp.server.first_answer import receive
from codexmcp.server.reception import CODEX_TOOLS, Reception
received = receive(Reception("1", [CODEX_TOOLS], strict=False))
sys.stderr.write(repr(received.rest))
assert "asyncio" not in sys.modules
"""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    },
}


def received(data: bytes) -> tuple[bytes, bytes]:
    """Return the answer to a client's first bytes, and the bytes that are left."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=data, capture_output=True, timeout=60, check=True
    )
    rest: bytes = ast.literal_eval(run.stderr.decode())
    return run.stdout, rest


def test_what_follows_initialize_is_left_to_the_connection() -> None:
    line = json.dumps(INITIALIZE).encode() + b"\n"
    answer, rest = received(line + b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n{"id')
    assert json.loads(answer)["id"] == 7
    assert json.loads(answer)["result"]["serverInfo"]["name"] == "codex-mcp-server"
    assert rest == b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n{"id'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        json.dumps(INITIALIZE).encode(),
        b"junk\n" + json.dumps(INITIALIZE).encode() + b"\n",
        json.dumps({**INITIALIZE, "params": {}}).encode() + b"\n",
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
    ],
    ids=["end", "half a line", "junk first", "not whole", "another request"],
)
def test_all_else_is_left_to_the_connection(data: bytes) -> None:
    assert received(data) == (b"", data)


def test_an_answer_that_cannot_be_written_ends_the_server(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [sys.executable, "-P", "-m", "codexmcp", "mcp-server"],
            input=json.dumps(INITIALIZE).encode() + b"\n",
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env={"PATH": os.defpath, "HOME": str(tmp_path)},
        )
    assert run.returncode == ExitCode.FAILED
    assert run.stderr.decode().splitlines() == [
        "codexmcp: cannot write to stdout: No space left on device; the client cannot be answered"
    ]


def test_a_client_that_has_written_nothing_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            stdin=reading,
            capture_output=True,
            timeout=60,
            check=True,
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert (run.stdout, run.stderr) == (b"", b"b''")
