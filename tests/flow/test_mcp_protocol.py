"""The server's protocol in memory, with an engine that does nothing by itself."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from codexmcp.server.engine import Engine
from codexmcp.server.protocol import McpServer, ProtocolOptions
from codexmcp.server.results import CallResult, failure
from codexmcp.server.services import Services
from tests.support.streams import stream_pair

BOUND_S = 10.0


class SlowEngine:
    """Ends each call when it is told to."""

    def __init__(self) -> None:
        self.ends: list[asyncio.Event] = []
        self.cancelled: list[int] = []
        self.begun = asyncio.Semaphore(0)

    async def codex(self, _arguments: object, _listener: object) -> CallResult:
        number = len(self.ends)
        self.ends.append(asyncio.Event())
        self.begun.release()
        try:
            await self.ends[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return failure(f"call {number}")


async def test_the_end_of_one_call_leaves_another_of_its_id_cancellable() -> None:
    near, far = stream_pair()
    engine = SlowEngine()
    server = McpServer(near, ProtocolOptions(version="0"))
    params: dict[str, Any] = {"name": "codex", "arguments": {"prompt": "x"}}
    call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 7}}
    async with asyncio.timeout(BOUND_S):
        serving = asyncio.create_task(server.serve(Services(cast("Engine", engine))))
        for _ in range(2):
            far.write_message(call)
            await engine.begun.acquire()
        engine.ends[0].set()
        assert "call 0" in str(await far.read_message())
        far.write_message({"jsonrpc": "2.0", **cancel})
        far.close()
        await serving
        await server.connection.answers_done()
    assert engine.cancelled == [1]


async def test_a_call_that_is_cancelled_in_the_moment_of_its_arrival_does_not_begin() -> None:
    near, far = stream_pair()
    engine = SlowEngine()
    server = McpServer(near, ProtocolOptions(version="0"))
    params: dict[str, Any] = {"name": "codex", "arguments": {"prompt": "x"}}
    far.write_message({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 7}}
    far.write_message({"jsonrpc": "2.0", **cancel})
    far.close()
    async with asyncio.timeout(BOUND_S):
        await server.serve(Services(cast("Engine", engine)))
        await server.connection.answers_done()
    assert engine.ends == []
