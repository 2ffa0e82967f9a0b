"""A program with the MCP Python SDK of the first generation; `test_sdk_v1.py` runs it.

It does what its argument names and writes what came of it to stdout, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

BOUND_S = 10.0
SERVER = StdioServerParameters(command="codexmcp", args=["mcp-server"])


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[ClientSession]:
    """Start the server and introduce ourselves."""
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write, **options) as s:
        await s.initialize()
        yield s


async def lists() -> object:
    """List what there is."""
    async with connected() as session:
        return [
            plain(await session.list_tools()),
            plain(await session.list_resources()),
            plain(await session.list_prompts()),
        ]


async def calls() -> object:
    """Call both tools, with progress, and one of them wrongly."""
    told: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append([progress, message])

    async with connected() as session:
        first = plain(
            await session.call_tool("codex", {"prompt": "x"}, progress_callback=on_progress)
        )
        thread_id = first["structuredContent"]["threadId"]
        reply = {"prompt": "y", "threadId": thread_id}
        second = plain(await session.call_tool("codex-reply", reply))
        wrong = plain(await session.call_tool("codex", {"prompt": "x", "nonsense": 1}))
    return [told, first, second, wrong]


async def questions() -> object:
    """Accept every question that comes during a call."""
    asked: list[str] = []

    async def on_elicitation(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept")

    async with connected(elicitation_callback=on_elicitation) as session:
        arguments = {"prompt": "x", "approval-policy": "on-request", "sandbox": "read-only"}
        result = plain(await session.call_tool("codex", arguments))
    return [asked, result]


async def cancellation() -> object:
    """Cancel a call whose command runs, and make another when the command has ended."""
    begun = Path("pid.txt")
    async with connected() as session:
        arguments = {"prompt": "x", "sandbox": "danger-full-access"}
        call = asyncio.create_task(session.call_tool("codex", arguments))
        await until(begun.exists)
        process = process_in(begun)
        # This generation leaves it to the program to tell the server; 1 follows `initialize`, 0.
        params = types.CancelledNotificationParams.model_validate({"requestId": 1})
        notification: Any = types.CancelledNotification(
            method="notifications/cancelled", params=params
        )
        await session.send_notification(notification)
        call.cancel()
        await asyncio.wait({call})
        await until(lambda: not process.exists())
        return plain(await session.call_tool("codex", {"prompt": "y"}))


async def until(reached: Callable[[], bool]) -> None:
    """Wait until something is true that has no event to wait for."""
    async with asyncio.timeout(BOUND_S):
        while not reached():  # noqa: ASYNC110 - /proc has no event to wait for
            await asyncio.sleep(0.01)


def process_in(file: Path) -> Path:
    """Return the folder of the process whose id a file holds."""
    return Path("/proc", file.read_text().strip())


def plain(result: Any) -> dict[str, Any]:
    """Return a result as it was on the wire."""
    fields: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return fields


if __name__ == "__main__":
    conversations = (lists, calls, questions, cancellation)
    (wanted,) = [one for one in conversations if one.__name__ == sys.argv[1]]
    sys.stdout.write(json.dumps(asyncio.run(wanted())))
