"""The table of MCP versions in the documentation, compared with real servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.conformance.client import running
from tests.support.builds import CHECKOUT
from tests.support.envelope import TASKS, enveloped
from tests.support.http_serving import Served, serving
from tests.support.mcp_server import SERVER
from tests.support.supervision import Station

PAGE = CHECKOUT / "docs" / "reference" / "mcp.md"
OLDER = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
UNKNOWN = "1999-01-01"
LISTS = {
    "tools": "tools/list",
    "resources": "resources/list",
    "templates": "resources/templates/list",
    "prompts": "prompts/list",
}
DOORS = {
    "mcp-server": (),
    "mcp-server --shared": ("--shared",),
    "mcp-server --strict-compat": ("--strict-compat",),
    "serve --http": None,
}

Message = dict[str, Any]
Ask = Callable[[str, Message, str], Awaitable[Message]]
"""Sends a request with a version; returns the answer."""


@contextlib.asynccontextmanager
async def door(here: Station, flags: tuple[str, ...] | None) -> AsyncIterator[Ask]:
    """Open a door, for requests without an order."""
    if flags is None:
        async with serving(here) as server:
            yield over_http(server)
    else:

        async def ask(method: str, params: Message, _version: str) -> Message:
            # A process of its own: a client may send `initialize` once.
            async with running([*SERVER, *flags], here.env, here.project) as client:
                return await client.ask(method, params)

        yield ask


def over_http(server: Served) -> Ask:
    """Return how the HTTP server is asked."""

    async def ask(method: str, params: Message, version: str) -> Message:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": version,
            "Mcp-Method": method,
        }
        answer = await server.ask(
            "/mcp", method="POST", body=body, token=server.token, headers=headers
        )
        return answer.fields

    return ask


async def older(ask: Ask) -> list[str]:
    """Return the cells of the older versions."""
    client = {"name": "c", "version": "1"}

    async def begun(version: str) -> Message:
        hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        # A version in the header would be another claim.
        result: Message = (await ask("initialize", hello, OLDER[-1]))["result"]
        return result

    for version in OLDER:
        assert (await begun(version))["protocolVersion"] == version
    answered = (await begun(UNKNOWN))["protocolVersion"]
    lists = {name: await ask(method, {}, OLDER[-1]) for name, method in LISTS.items()}
    capabilities = (await begun(OLDER[-1]))["capabilities"]
    return [
        "`initialize`",
        "echoed" if answered == UNKNOWN else answered,
        "yes" if "tasks" in str(capabilities.get("extensions")) else "no",
        ", ".join(name for name, answer in lists.items() if "result" in answer),
        "yes" if any("ttlMs" in answer.get("result", {}) for answer in lists.values()) else "no",
    ]


async def modern(ask: Ask) -> list[str]:
    """Return the cells of the version with an envelope."""
    version = "2026-07-28"
    found = await ask("server/discover", enveloped(capabilities=TASKS), version)
    if "error" in found:
        assert found["error"]["code"] == -32601
        return ["-"] * 5
    refused = await ask("tools/list", enveloped(version=UNKNOWN), UNKNOWN)
    assert refused["error"]["data"]["supported"] == [version]
    lists = {name: await ask(method, enveloped(), version) for name, method in LISTS.items()}
    known = [answer["result"] for answer in lists.values() if "result" in answer]
    assert all(each["resultType"] == "complete" for each in (*known, found["result"]))
    return [
        "`server/discover`",
        str(refused["error"]["code"]),
        "yes" if "extensions" in found["result"]["capabilities"] else "no",
        ", ".join(name for name, answer in lists.items() if "result" in answer),
        "yes" if all("ttlMs" in each and "cacheScope" in each for each in known) else "no",
    ]


def documented(name: str) -> list[list[str]]:
    """Return the cells of a door in the documentation, for both kinds of versions."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row[2:] for row in rows if row[0] == f"`{name}`"]


@pytest.mark.parametrize("name", DOORS)
async def test_the_table_tells_what_servers_do(here: Station, name: str) -> None:
    async with door(here, DOORS[name]) as ask:
        assert [await older(ask), await modern(ask)] == documented(name)
