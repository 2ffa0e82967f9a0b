"""MCP clients of a campaign: they call tools, note when answers come, and can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.campaign.evidence import Call

START_S = 25.0
"""Bound on the start of a server, whatever it has to start or find, in seconds."""

_STARTS = 4
_AT_ONCE_S = 8.0
"""A server that fails to start within this time, in seconds, is started again."""

_LINE_LIMIT_BYTES = 64 * 1024 * 1024


class ServerError(Exception):
    """A server did not start or end as it has to."""


class Server:
    """One process of an MCP server and the calls that were sent to it. Made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self.ended = False
        self._name = name
        self._process = process
        self._we_ended_it = False
        self._calls = list[Call]()
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> Self:
        """Start a server and introduce a client.

        Raises:
            ServerError: It does not answer.
        """
        with (cwd.parent / "stderr.log").open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=env,
                cwd=cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=_LINE_LIMIT_BYTES,
                start_new_session=True,
            )
        server = cls(process, name)
        # A relay ends when its supervisor dies while the client is asked: so it is not asked.
        offers: dict[str, Any] = {} if name.startswith("shared") else {"elicitation": {}}
        info = {"name": "campaign", "version": "1"}
        params = {"protocolVersion": "2025-06-18", "capabilities": offers, "clientInfo": info}
        call = Call(name, "initialize", "", time.time(), START_S)
        await server.request(call, "initialize", params)
        if not call.answers or "error" in call.fields:
            await server.kill()
            told = call.fields or f"no answer, exit code {process.returncode}"
            raise ServerError(f"{name} did not start: {told}")
        return server

    async def request(self, call: Call, method: str, params: Mapping[str, Any]) -> None:
        """Send a request, and wait until it is answered or cancelled or cannot be answered."""
        number = len(self._calls)
        self._calls.append(call)
        await self._send({"id": number, "method": method, "params": params})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(call.bound_s + 5), self._news:
                await self._news.wait_for(lambda: call.answers or call.cancelled_at or self.ended)
        if self.ended:
            self._note_end([call])

    async def cancel(self, token: str) -> None:
        """Cancel a call about a run, if there is one that is not answered."""
        if self.ended:
            # The cancel of a client that is gone reaches nobody, and stops nothing.
            return
        for number, call in enumerate(self._calls):
            if call.token == token and not call.answers and call.cancelled_at is None:
                call.cancelled_at = time.time()
                params = {"requestId": number}
                await self._send({"method": "notifications/cancelled", "params": params})
                async with self._news:
                    self._news.notify_all()
                return

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal that ends it."""
        self._we_ended_it = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    async def close(self, bound_s: float) -> None:
        """End the server by closing its stdin.

        Raises:
            ServerError: It goes on.
        """
        self._we_ended_it = True
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait([self._reader], timeout=bound_s)
        if not self.ended:
            raise ServerError(f"{self._name} goes on {bound_s:g} s after the end of its stdin")

    async def kill(self) -> None:
        """Kill the process and its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        # A child in a group of its own may hold stdout open.
        await asyncio.wait([self._reader], timeout=1.0)
        self._reader.cancel()

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        line = json.dumps({"jsonrpc": "2.0", **message})
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            await self._take(json.loads(line))
        async with self._news:
            self.ended = True
            self._note_end(self._calls)
            self._news.notify_all()

    def _note_end(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if call.client_ended_at is None:
                call.client_ended_at, call.killed = time.time(), self._we_ended_it

    async def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is None:
            return
        if "method" in message:
            result = {"action": "accept", "content": {}, "decision": "approved"}
            await self._send({"id": number, "result": result})
            return
        async with self._news:
            self._calls[number].answers.append((time.time(), _fields(message)))
            self._news.notify_all()


class Caller:
    """A client that starts its server again when that has ended.

    Args:
        name: For the evidence; begins with `shared` or `private`.
        command: The server's command line.
        env: The server's environment.
        cwd: The server's working directory.
        calls: The list to which calls are added.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        calls: list[Call],
    ) -> None:
        self.name = name
        self.server: Server | None = None
        self._start = (name, command, env, cwd)
        self._calls = calls
        self._lock = asyncio.Lock()

    async def connected(self) -> Server:
        """Return a server that lives.

        Raises:
            ServerError: It cannot be started.
        """
        async with self._lock:
            if self.server is None or self.server.ended:
                self.server = await self._started()
            return self.server

    async def _started(self) -> Server:
        for _ in range(_STARTS - 1):
            began = time.monotonic()
            try:
                return await Server.start(*self._start)
            except ServerError:
                if time.monotonic() - began > _AT_ONCE_S:
                    raise
                # The home is full, or a fault has hit the supervisor while it was started.
                await asyncio.sleep(1)
        return await Server.start(*self._start)

    async def call(
        self, tool: str, token: str, arguments: Mapping[str, Any], bound_s: float, **about: Any
    ) -> Call:
        """Call a tool, and return the call when it is answered or there is no more to wait for.

        Raises:
            ServerError: There is no server to call.
        """
        params = {"name": tool, "arguments": dict(arguments)}
        return await self._asked("tools/call", params, tool, token, bound_s, **about)

    async def task(
        self, tool: str, token: str, arguments: Mapping[str, Any], bound_s: float, **about: Any
    ) -> Call:
        """Call a tool as a client with MCP tasks; see `call`."""
        params = _enveloped({"name": tool, "arguments": dict(arguments)})
        # As a task, a call of `codex` is a run like any other.
        starts = "codex_run" if tool == "codex" else tool
        return await self._asked("tools/call", params, starts, token, bound_s, **about)

    async def about_task(
        self, method: str, token: str, params: Mapping[str, Any], bound_s: float
    ) -> Call:
        """Send a request about a task; see `call`."""
        return await self._asked(method, _enveloped(params), method, token, bound_s)

    async def _asked(
        self,
        method: str,
        params: Mapping[str, Any],
        tool: str,
        token: str,
        bound_s: float,
        **about: Any,
    ) -> Call:
        server = await self.connected()
        call = Call(self.name, tool, token, time.time(), bound_s, **about)
        self._calls.append(call)
        await server.request(call, method, params)
        return call


def _enveloped(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the envelope of a client that takes tasks and shows forms."""
    prefix = "io.modelcontextprotocol"
    capabilities: dict[str, Any] = {"extensions": {f"{prefix}/tasks": {}}, "elicitation": {}}
    version = {f"{prefix}/protocolVersion": "2026-07-28"}
    return {**params, "_meta": {**version, f"{prefix}/clientCapabilities": capabilities}}


def _fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the structured content of an answer, or its text as `text` or `error`."""
    if "error" in message:
        return {"error": str(message["error"].get("message"))}
    result = message["result"]
    if "taskId" in result:
        return {"runId": result["taskId"], **result}
    text = "".join(part.get("text", "") for part in result.get("content", []))
    if result.get("isError"):
        return {"error": text}
    return dict(result.get("structuredContent") or {"text": text})
