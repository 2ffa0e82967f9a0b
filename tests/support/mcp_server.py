"""Our MCP server as a real process, with the real Codex and a scripted model."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from codexmcp.testing import ScriptedModel
from tests.conformance.client import Client, Message, running
from tests.support.processes import processes_of, until

SERVER = [sys.executable, "-P", "-m", "codexmcp", "mcp-server"]


def configure(home: Path, model: ScriptedModel, *more: str) -> None:
    """Write a config.toml that leads to the scripted model without a key."""
    write_config(home, model.base_url, *more)


def write_config(home: Path, base_url: str, *more: str) -> None:
    """Write a config.toml that leads to a model without a key, with further settings.

    It names no model, so that Codex takes the default of its catalogue, as it does for users.
    """
    lines = [
        'model_provider = "scripted"',
        *more,
        "[model_providers.scripted]",
        'name = "scripted"',
        f'base_url = "{base_url}"',
        'wire_api = "responses"',
        "request_max_retries = 1",
        "stream_max_retries = 1",
    ]
    (home / "config.toml").write_text("\n".join(lines) + "\n")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment for the server with the home and no key.

    The user's own HOME is left out: Codex's commands run in login shells, and what dotfiles start
    there is not ours to find.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return {**kept, "HOME": str(home), "CODEX_HOME": str(home), **more}


@asynccontextmanager
async def mcp_server(
    home: Path, cwd: Path, *flags: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """Run the server and a client that has introduced itself; it ends politely, and wholly."""
    async with running([*SERVER, *flags], env or environment(home), cwd) as client:
        await client.send(
            {
                "jsonrpc": "2.0",
                "id": "initialize",
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"elicitation": {}},
                    "clientInfo": {"name": "test", "version": "1"},
                },
            }
        )
        yield client
        client.close_stdin()
        await client.wait_exit()
    await until(lambda: not processes_of(home), "every process of the home is gone")


async def start_call(client: Client, call_id: int, name: str = "codex", **arguments: Any) -> None:
    """Send a `tools/call`; `_` in an argument's name stands for `-`."""
    fields = {key.replace("_", "-"): value for key, value in arguments.items()}
    params = {"name": name, "arguments": fields}
    await client.send({"jsonrpc": "2.0", "id": call_id, "method": "tools/call", "params": params})


async def result_of(client: Client, call_id: int, timeout_s: float = 20.0) -> Message:
    """Return the result of a call."""

    def is_answer(message: Message) -> bool:
        return message.get("id") == call_id and "method" not in message

    answer = await client.wait_for(is_answer, f"the answer to {call_id}", timeout_s)
    assert "result" in answer, answer
    return dict(answer["result"])


async def call(client: Client, call_id: int, name: str = "codex", **arguments: Any) -> Message:
    """Call a tool and return its result."""
    await start_call(client, call_id, name, **arguments)
    return await result_of(client, call_id)


async def event(client: Client, kind: str, call_id: int = 1) -> Message:
    """Return the first `codex/event` of a type for a call."""

    def is_event(message: Message) -> bool:
        params = message.get("params", {})
        return (
            message.get("method") == "codex/event"
            and params["msg"]["type"] == kind
            and params["_meta"]["requestId"] == call_id
        )

    return dict((await client.wait_for(is_event, f"the event {kind}"))["params"])


def text_of(result: Message) -> str:
    """Return the text of a tool's result."""
    return str(result["content"][0]["text"])


def thread_of(result: Message) -> str:
    """Return the thread of a tool's result."""
    return str(result["structuredContent"]["threadId"])
