"""What the scripted models of these tests say, beyond the test kit's words."""

from __future__ import annotations

import json

from codexmcp.testing import FunctionCall, Nonsense, Reply
from tests.conformance.scenario import streamed

ASKED_COMMAND = "touch allowed.txt"
# Renamed, so that whoever finds the file finds the process's id in it.
LONG_COMMAND = "echo $$ > pid; mv pid pid.txt; exec sleep 600"


def asking() -> Reply:
    """Return a call of a command that Codex does not run without a question."""
    arguments = {
        "cmd": ASKED_COMMAND,
        "sandbox_permissions": "require_escalated",
        "justification": "It is needed.",
    }
    return Reply((FunctionCall("exec_command", arguments),))


def tool_call(server: str, tool: str, **arguments: object) -> Nonsense:
    """Return a call of a tool of an MCP server inside Codex, which has a namespace of its own."""
    item = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": tool,
        "namespace": f"mcp__{server}",
        "arguments": json.dumps(arguments),
    }
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return streamed(
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
    )
