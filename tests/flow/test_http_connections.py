"""Who connects without a token keeps nobody else out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from codexmcp.http import serving
from tests.support.http_client import read_answer
from tests.support.http_door import Door, opened
from tests.support.processes import until

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(door: Door, data: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(data)
    return reader, writer


async def is_ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(10):
        try:
            return await reader.read(1) == b""
        except ConnectionError:
            return True


async def test_of_too_many_connections_the_one_that_was_idle_longest_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 3)
    async with opened(tmp_path) as door:
        idle = [await connected(door) for _ in range(3)]
        # The first has been of use since.
        idle[0][1].write(HEALTH)
        assert (await read_answer(idle[0][0])).status == 200
        assert (await door.rpc("tools/list")).status == 200
        assert await is_ended(idle[1][0])
        for reader, writer in (idle[0], idle[2]):
            writer.write(HEALTH)
            assert (await read_answer(reader)).status == 200
        for _, writer in idle:
            writer.close()


async def test_a_connection_is_idle_only_since_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 2)
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}'
    async with opened(tmp_path) as door:
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {door.token}\r\nContent-Type: application/json\r\n"
        head += "Accept: application/json\r\n\r\n"
        reader, writer = await connected(door, head.encode() + body)
        await until(lambda: door.gate.inside == 1, "the call waits")
        idle = await connected(door, HEALTH)
        assert (await read_answer(idle[0])).status == 200
        door.gate.release.set()
        assert (await read_answer(reader)).status == 200
        assert (await door.ask("/healthz")).status == 200
        assert await is_ended(idle[0])
        writer.write(HEALTH)
        assert (await read_answer(reader)).status == 200
        for each in (writer, idle[1]):
            each.close()


async def test_ever_more_connections_lock_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 8)
    head = b"POST /command-log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    slow = head + b"Content-Type: application/json\r\n\r\n{"
    async with opened(tmp_path) as door:
        waiting = asyncio.create_task(door.tool("wait"))
        await until(lambda: door.gate.inside == 1, "a call waits")
        others: list[Connection] = []
        for _ in range(10):
            others += [await connected(door, data) for data in (b"", b"GET /healthz", HEALTH, slow)]
            assert (await door.rpc("tools/list")).status == 200
        door.gate.release.set()
        # What has a token and is worked on is never given up.
        assert await waiting == {"waited": True}
        for _, writer in others:
            writer.close()


class Small(serving.BoundedProtocol):
    """A connection whose system holds little of what is sent, and what all of them hold together.

    Attributes:
        held: The most bytes that have waited to be read at once.
        cut: How many clients were cut off.
    """

    held = 0
    cut = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        everybody: Iterable[Any] = self.connections
        sizes = (each.transport.get_write_buffer_size() for each in everybody)
        Small.held = max(Small.held, sum(sizes))

    def connection_lost(self, exc: Exception | None) -> None:
        Small.cut += self.is_unread()
        super().connection_lost(exc)


async def test_of_200_clients_that_do_not_read_only_so_much_is_kept_and_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound, answer_bytes = 20_000_000, 500_000
    monkeypatch.setattr(serving, "MAX_UNREAD_BYTES", bound)
    monkeypatch.setattr(serving, "BoundedProtocol", Small)
    monkeypatch.setattr(Small, "held", 0)
    monkeypatch.setattr(Small, "cut", 0)
    params: dict[str, Any] = {"name": "read_portfolio_file", "arguments": {"name": "large"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    async with opened(tmp_path) as door:
        # Each answer has it twice, as text and as fields.
        (door.portfolio / "large.md").write_text("x" * (answer_bytes // 2))
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {door.token}\r\nContent-Type: application/json\r\n"
        request = f"{head}Accept: application/json\r\n\r\n{body}".encode()
        with contextlib.ExitStack() as clients:
            for _ in range(200):
                client = clients.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.setblocking(False)  # noqa: FBT003 - the socket's signature
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", door.port))
                client.send(request)
            kept = bound // answer_bytes
            await until(lambda: Small.cut >= 200 - 2 * kept, "most of them were cut off")
            assert len((await door.rpc("tools/call", **params)).body) > answer_bytes
    assert bound / 2 < Small.held <= bound


@pytest.mark.parametrize(
    "request_head",
    [
        "GET /healthz HTTP/1.1\r\nHost: evil.example",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example",
        "GET /nothing HTTP/1.1\r\nHost: localhost",
        "GET /mcp HTTP/1.1\r\nHost: localhost",
        "GET /status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong",
        "HEAD /nothing HTTP/1.1\r\nHost: localhost",
    ],
)
async def test_who_is_refused_without_a_token_keeps_no_connection(
    tmp_path: Path, request_head: str
) -> None:
    async with opened(tmp_path) as door:
        reader, writer = await connected(door, f"{request_head}\r\n\r\n".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert 400 <= int(answer.split()[1]) < 500
        assert b"connection: close" in answer
        writer.close()
