"""Section 1.4: tools of an MCP server inside Codex."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from codexmcp.testing import Nonsense, Text
from tests.conformance.scenario import EVENTS, FREE, Scenario, one_call, streamed

# Answers a call by its argument: a result, a result that is an error, or an error of the protocol.
_SERVER = """\
import json, sys

for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    answer = {"result": {}}
    if asked["method"] == "initialize":
        version = asked["params"]["protocolVersion"]
        info = {"name": "s", "version": "1"}
        capabilities = {"tools": {}}
        answer = {"result": {
            "protocolVersion": version, "capabilities": capabilities, "serverInfo": info
        }}
    if asked["method"] == "tools/list":
        tool = {"name": "echo", "description": "d", "inputSchema": {"type": "object"}}
        answer = {"result": {"tools": [tool]}}
    if asked["method"] == "tools/call":
        answer = asked["params"]["arguments"]
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""
_CONFIG = f"""\
[mcp_servers.s]
command = "{sys.executable}"
args = ["<project>/server.py"]
"""


def mcp_tools() -> Iterable[Scenario]:
    """Yield the scenarios."""
    content = [{"type": "text", "text": "hi"}]
    for name, answer in {
        "works": {"result": {"content": content, "structuredContent": {"a": 1}}},
        "fails": {"result": {"content": content, "isError": True}},
        "breaks": {"error": {"code": -32000, "message": "It is broken."}},
    }.items():
        yield one_call(
            f"tool of an MCP server {name}",
            _calls(answer),
            Text("Done."),
            compare=EVENTS,
            config_toml=_CONFIG,
            files={"server.py": _SERVER},
            **FREE,
        )


def _calls(arguments: object) -> Nonsense:
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "echo",
        "namespace": "mcp__s",
        "arguments": json.dumps(arguments),
    }
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return streamed(
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
        {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
    )
