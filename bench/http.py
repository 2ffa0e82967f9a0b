"""Subject `http`: calls of file tools by 32 clients at once, and of an empty tool of the SDK's own.

Both servers answer with one JSON object, on the same uvicorn. The clients are as cheap as they can
be, because they share the machine with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from bench.harness import Driver, Sample, Subject
from bench.stage import Stage, codexmcp_command

CLIENTS = 32
_CALLS, _QUICK_CALLS = 100, 5
_ENTRIES = 20
_LINES = 40
_START_S = 30.0
_TOOLS = {
    "fs_read": ("agentOS_fs_read", {"path": "file-07.txt"}),
    "fs_list": ("agentOS_fs_list", {"path": "."}),
}
_URL = re.compile(r"MCP over HTTP at http://127\.0\.0\.1:(\d+)/mcp")
_HEAD = (
    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
    "MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {length}\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is up.

    Attributes:
        port: Its port.
        token: What lets in; empty where nothing is needed.
    """

    port: int
    token: str = ""

    def request(self, tool: str, arguments: object) -> bytes:
        """Return the bytes of a call."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        body = json.dumps(message).encode()
        head = _HEAD.format(port=self.port, token=self.token or "none", length=len(body))
        return head.encode() + body


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    calls = _QUICK_CALLS if stage.quick else _CALLS
    with _sdk() as plain, served(stage) as ours:
        yield Subject(
            [
                Driver("the SDK's empty tool", lambda: _measure(plain, calls, empty=True)),
                Driver("codexmcp serve --http", lambda: _measure(ours, calls, empty=False)),
            ]
        )


def _measure(server: Server, calls: int, *, empty: bool) -> Sample:
    return {
        f"{name}, requests/s": asyncio.run(
            _rate(server, server.request("empty" if empty else tool, arguments), calls)
        )
        for name, (tool, arguments) in _TOOLS.items()
    }


async def _rate(server: Server, request: bytes, calls: int) -> float:
    """Return how many requests a second are answered to all clients together."""
    connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CLIENTS)]
    began = time.perf_counter()
    await asyncio.gather(
        *(_calls(reader, writer, request, calls) for reader, writer in connections)
    )
    took_s = time.perf_counter() - began
    for _, writer in connections:
        writer.close()
    return CLIENTS * calls / took_s


async def _calls(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, calls: int
) -> None:
    for _ in range(calls):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert b'"result"' in body, body
        assert b'"isError":true' not in body, body


@contextlib.contextmanager
def _sdk() -> Generator[Server, None, None]:
    command = [sys.executable, "-P", str(Path(__file__).with_name("sdk_server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(int(process.stdout.readline()))
        finally:
            process.kill()


@contextlib.contextmanager
def served(stage: Stage) -> Generator[Server, None, None]:
    """Run `codexmcp serve --http` on a small project while the block runs."""
    with (
        stage.codex_home(stage.pinned) as home,
        tempfile.TemporaryDirectory() as runtime,
        (home / "serve.log").open("w") as log,
    ):
        root = _fill(home.parent / "files")
        env = {**stage.environment(home), "HOME": str(home), "XDG_RUNTIME_DIR": runtime}
        words = ("serve", "--http", "--port", "0", "--max-rate", "0", "--fs-root", str(root))
        command = [*codexmcp_command(), *words]
        with subprocess.Popen(command, env=env, stderr=log, stdout=log, cwd=root) as process:
            try:
                port = _port(home / "serve.log")
                yield Server(port, (home / ".agentos" / "token").read_text().strip())
            finally:
                process.terminate()
                process.wait(_START_S)


def _fill(root: Path) -> Path:
    """Make a folder like that of a small project."""
    root.mkdir()
    text = "".join(f"line {number} of a file of ordinary length\n" for number in range(_LINES))
    for number in range(_ENTRIES):
        (root / f"file-{number:02}.txt").write_text(text)
    return root


def _port(log: Path) -> int:
    deadline = time.monotonic() + _START_S
    while (found := _URL.search(log.read_text())) is None:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return int(found[1])
