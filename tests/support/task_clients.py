"""Clients of MCP Tasks at every door, without the help of an SDK."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httpx2

from codexmcp.server.envelope import VERSIONS
from tests.conformance.client import Client, running
from tests.support.envelope import FORMS, TASKS, enveloped
from tests.support.http_serving import Served, serving
from tests.support.supervision import BOUND_S, RELAY, Station
from tests.support.tool_answers import check_result

ALL = {**TASKS, **FORMS}
"""The capabilities of a client that takes tasks and answers questions."""

Message = dict[str, Any]


class Transport(Protocol):
    """Sends requests, and returns answers with all that came before."""

    async def exchange(self, message: Message) -> list[Message]:
        """Send a request; return its notifications and, last, its answer."""
        ...


class TaskClient:
    """A client.

    Args:
        transport: The transport.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._ids = itertools.count(1)
        self._called: dict[str, str] = {}

    async def messages(
        self,
        method: str,
        params: Message | None = None,
        capabilities: Message | None = None,
    ) -> list[Message]:
        """Send a request with an envelope; return its notifications and its answer."""
        declared = ALL if capabilities is None else capabilities
        request = {"jsonrpc": "2.0", "id": f"id {next(self._ids)}", "method": method}
        async with asyncio.timeout(BOUND_S):
            return await self._transport.exchange(
                {**request, "params": enveloped(params, declared)}
            )

    async def answer(
        self,
        method: str,
        params: Message | None = None,
        capabilities: Message | None = None,
    ) -> Message:
        """Send a request with an envelope; return its answer."""
        return (await self.messages(method, params, capabilities))[-1]

    async def ask(
        self,
        method: str,
        params: Message | None = None,
        capabilities: Message | None = None,
    ) -> Message:
        """Send a request with an envelope; return its result."""
        answer = await self.answer(method, params, capabilities)
        assert "result" in answer, answer
        result: Message = answer["result"]
        return result

    async def call(
        self, name: str, arguments: Message, capabilities: Message | None = None, **more: Any
    ) -> Message:
        """Call a tool; return the result, of any type, as the tool has promised."""
        params = {"name": name, "arguments": arguments, **more}
        result = await self.ask("tools/call", params, capabilities)
        if result["resultType"] == "task":
            self._called[result["taskId"]] = name
        check_result(name, result)
        return result

    async def run(self, prompt: str, **arguments: Any) -> str:
        """Start a run; return the id of its task."""
        result = await self.call("codex_run", {"prompt": prompt, **arguments})
        assert result["resultType"] == "task", result
        return str(result["taskId"])

    async def get(self, task_id: str, capabilities: Message | None = None) -> Message:
        """Return a task; its result must be as the tool has promised."""
        task = await self.ask("tasks/get", {"taskId": task_id}, capabilities)
        if task_id in self._called and "result" in task:
            check_result(self._called[task_id], task["result"])
        return task

    async def until(self, task_id: str, *statuses: str) -> Message:
        """Poll until a task has one of some statuses."""
        async with asyncio.timeout(BOUND_S):
            while (task := await self.get(task_id))["status"] not in statuses:  # noqa: ASYNC110 - polling is the protocol
                await asyncio.sleep(0.05)
        return task


class StdioTransport:
    """A process with MCP on stdio."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def exchange(self, message: Message) -> list[Message]:
        """Send a request; return the messages about it."""
        before = len(self._client.received)
        await self._client.send(message)
        await self._client.wait_for(
            lambda each: each.get("id") == message["id"] and "method" not in each,
            str(message["method"]),
            BOUND_S,
        )
        received = self._client.received[before:]
        return [each for each in received if each.get("id", message["id"]) == message["id"]]


class HttpTransport:
    """The HTTP server."""

    def __init__(self, server: Served, token: str | None = None) -> None:
        self._server = server
        self._token = token or server.token

    async def exchange(self, message: Message) -> list[Message]:
        """Post a request; return the messages of the answer."""
        params = message["params"]
        name = params.get("taskId") or params.get("name") or params.get("uri")
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSIONS[-1],
            "Mcp-Method": message["method"],
            **({"Mcp-Name": name} if name else {}),
        }
        async with httpx2.AsyncClient(timeout=BOUND_S) as http:
            answer = await http.post(self._server.url, json=message, headers=headers)
        if answer.headers["Content-Type"].startswith("text/event-stream"):
            lines = answer.text.splitlines()
            return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        return [json.loads(answer.text)]


@contextlib.asynccontextmanager
async def task_client(here: Station, door: str, *flags: str) -> AsyncIterator[TaskClient]:
    """Connect a client at a door: `relay` or `http`."""
    if door == "http":
        async with serving(here, *flags) as server:
            yield TaskClient(HttpTransport(server))
    else:
        async with running([*RELAY, *flags], here.env, here.project) as raw:
            yield TaskClient(StdioTransport(raw))
