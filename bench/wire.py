"""Clients that cost next to nothing: JSON lines over the pipes of a child, without a library."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Json = dict[str, Any]

_LIFE_S = 900.0
"""Bound on a child's life. A server that is out of descriptors may never answer."""


class LineClient:
    """A child that speaks JSON-RPC, one message a line. It ends with code 0, or is killed.

    Args:
        argv: Its command line.
        env: Its whole environment.
        cwd: Its working directory.
    """

    def __init__(self, argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._next_id = 0
        self._watchdog = threading.Timer(_LIFE_S, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        self._killed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        # With a timeout `wait` would poll, in steps of up to 50 ms; the watchdog is the bound.
        code = self.process.wait()
        self._watchdog.cancel()
        assert self._killed or code == 0, f"{self.process.args!r} ended with {code}"

    def kill(self) -> None:
        """End the child at once, and let its exit code be."""
        self._killed = True
        self.process.kill()

    def send(self, message: Json) -> None:
        """Write one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> Json:
        """Return the next message."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args!r} closed its stdout"
        message: Json = json.loads(line)
        return message

    def read_until(self, wanted: Callable[[Json], bool]) -> Json:
        """Return the first message that is wanted; drop those before it."""
        while not wanted(message := self.read()):
            pass
        return message

    def ask(self, method: str, params: Json) -> int:
        """Send a request and return its id."""
        self._next_id += 1
        self.send({"id": self._next_id, "method": method, "params": params})
        return self._next_id

    def call(self, method: str, params: Json) -> Json:
        """Send a request and return its result."""
        number = self.ask(method, params)
        answer = self.read_until(lambda message: message.get("id") == number)
        assert "result" in answer, answer
        result: Json = answer["result"]
        return result


class McpClient(LineClient):
    """A client of an MCP server with Codex's two tools."""

    def shake_hands(self) -> None:
        """Open the MCP session."""
        client = {"name": "bench", "version": "0"}
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        self.call("initialize", params)
        self.send({"method": "notifications/initialized"})

    def discover(self) -> None:
        """Ask for the server as a client of MCP 2026-07-28."""
        self.call("server/discover", enveloped({}))

    def tool(self, name: str, arguments: Json) -> tuple[str, str]:
        """Call a tool and return what it said and its thread."""
        result = self.call("tools/call", {"name": name, "arguments": arguments})
        assert not result.get("isError"), result
        return result["content"][0]["text"], result["structuredContent"]["threadId"]


def enveloped(params: Json) -> Json:
    """Return parameters with the envelope of a client of MCP 2026-07-28 that takes tasks."""
    prefix = "io.modelcontextprotocol"
    capabilities: Json = {"extensions": {f"{prefix}/tasks": {}}}
    meta = {f"{prefix}/protocolVersion": "2026-07-28", f"{prefix}/clientCapabilities": capabilities}
    return {**params, "_meta": meta}


class AppServerClient(LineClient):
    """A client of `codex app-server`: what driving Codex costs at least."""

    def shake_hands(self) -> None:
        """Open the connection."""
        self.call("initialize", {"clientInfo": {"name": "bench", "version": "0"}})
        self.send({"method": "initialized"})

    def start_thread(self, params: Json) -> str:
        """Start a thread and return its id."""
        thread_id: str = self.call("thread/start", params)["thread"]["id"]
        return thread_id

    def turn(self, thread_id: str, prompt: str) -> str:
        """Run a turn to its end and return the model's last message."""
        self.ask("turn/start", {"threadId": thread_id, "input": [{"type": "text", "text": prompt}]})
        said = ""
        while True:
            message = self.read()
            params = message.get("params", {})
            item = params.get("item", {})
            if message.get("method") == "item/completed" and item["type"] == "agentMessage":
                said = item["text"]
            elif message.get("method") == "turn/completed":
                assert params["turn"]["status"] == "completed", params
                return said
