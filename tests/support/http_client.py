"""Clients of an HTTP server: raw bytes, requests, calls of MCP, the MCP SDK."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.tool_answers import check_result

BOUND_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        status: Its status; 0 when it closed the connection without a word.
        headers: Its headers, by names in lower case.
        body: Its body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def fields(self) -> dict[str, Any]:
        """Its body as a JSON object."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


class HttpClient:
    """Speaks to a server.

    Args:
        url: Where MCP is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = int(httpx2.URL(url).port or 0)

    @property
    def token(self) -> str:
        """The token that is good for everything."""
        raise NotImplementedError

    async def raw(self, data: bytes, *, timeout_s: float = BOUND_S) -> Answer:
        """Send bytes on a connection of their own, and return the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(data)
                return await read_answer(reader)
        finally:
            writer.close()

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: object = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with a body of JSON or of bytes, and return the answer."""
        data = body if isinstance(body, bytes) else b""
        if not data and body is not None:
            data = json.dumps(body).encode()
        own = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if body is not None:
            own |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        if token is not None:
            own["Authorization"] = f"Bearer {token}"
        own |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in own.items() if value)
        return await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)

    async def post(self, path: str, body: object, **headers: str) -> Answer:
        """Post JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask(path, method="POST", body=body, headers=named)

    async def rpc(self, method: str, token: str | None = None, **params: Any) -> Answer:
        """Send a request of MCP; a structured answer must be as its tool has promised."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        accept = {"Accept": "application/json, text/event-stream"}
        token = self.token if token is None else token
        answer = await self.ask("/mcp", method="POST", body=body, token=token, headers=accept)
        if method == "tools/call" and answer.status == HTTPStatus.OK:
            check_result(params["name"], answer.fields.get("result", {"isError": True}))
        return answer

    async def tool(self, name: str, token: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and return what it answered."""
        answer = await self.rpc("tools/call", token, name=name, arguments=arguments)
        assert answer.status == 200, answer
        result: dict[str, Any] = answer.fields["result"]
        assert not result.get("isError"), result
        fields: dict[str, Any] = result["structuredContent"]
        return fields

    async def failing(self, name: str, **arguments: Any) -> str:
        """Call a tool that must refuse, and return what it says."""
        answer = await self.rpc("tools/call", name=name, arguments=arguments)
        result = answer.fields["result"]
        assert result["isError"], result
        return str(result["content"][0]["text"])

    @contextlib.asynccontextmanager
    async def client(self, token: str | None = None, **options: Any) -> AsyncIterator[Client]:
        """Connect the SDK's client."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=BOUND_S) as http,
            asyncio.timeout(BOUND_S),
            Client(streamable_http_client(self.url, http_client=http), **options) as client,
        ):
            yield client


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read an answer to the end of its connection, or to the length it names."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0)
    first, *lines = head.strip().split("\r\n")
    named = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in named}
    length = headers.get("content-length")
    try:
        body = await (reader.read() if length is None else reader.readexactly(int(length)))
    except (asyncio.IncompleteReadError, ConnectionError):
        body = b""
    return Answer(int(first.split()[1]), headers, body)
