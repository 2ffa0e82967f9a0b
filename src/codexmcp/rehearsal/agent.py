"""The agent's part of a rehearsal: an agent with Codex as a tool.

Owns the call of Codex with a prompt and the report of its answer. Both are passed on verbatim, with
framing words only. Pure: imports only its neighbours in this package.
"""

from __future__ import annotations

import json
from typing import Any

from codexmcp.jsonvalues import dig, is_list, is_object
from codexmcp.rehearsal.conversation import AGENT_TOOLS, Turn, text_of, tools_of
from codexmcp.rehearsal.refusal import is_refusal
from codexmcp.rehearsal.responses import FunctionCall, JSONObject, Message

# Source: the Agents SDK's fixed text for an exception in a function tool.
_SDK_FAILURE = "An error occurred while running the tool"

# The marker field of a shape, and the field with Codex's text in it: codex_tool of the Agents SDK,
# the structured content of the MCP tools, a whole MCP result, and a part of its content.
_WRAPPERS = (
    ("thread_id", "response"),
    ("threadId", "content"),
    ("content", "content"),
    ("type", "text"),
)


def delegate(body: JSONObject, prompt: str) -> FunctionCall:
    """Return the call of Codex with a prompt, in the shape of the offered tool.

    `codex` is preferred over `codex-reply`. The only parameters are the prompt, and, as null, those
    required by a strict schema.
    """
    offered = {str(tool.get("name")): tool for tool in tools_of(body)}
    name = next(name for name in AGENT_TOOLS if name in offered)
    schema: JSONObject = offered[name].get("parameters") or {}
    required: dict[str, Any] = dict.fromkeys(schema.get("required", ()))
    if "inputs" in schema.get("properties", {}):
        # Source: the parameters of codex_tool of the Agents SDK.
        return FunctionCall(name, required | {"inputs": [_text_input(prompt)]})
    return FunctionCall(name, required | {"prompt": prompt})


def report(turn: Turn) -> Message | None:
    """Return the agent's report on Codex's answer; None before the answer."""
    outputs = [step["output"] for step in turn.steps if "output" in step]
    if not outputs:
        return None
    text, failed = _answer(outputs[-1])
    return Message(f"Codex {'failed' if failed else 'reported'}:\n{text}")


def _text_input(prompt: str) -> dict[str, str | None]:
    return {"type": "text", "text": prompt, "path": None}


def _answer(output: object) -> tuple[str, bool]:
    """Return Codex's own text in a tool's output, and True for a failure."""
    text = text_of(output)
    value = _decoded(text)
    failed = False
    if is_list(value):
        text = text_of(value) or text
    elif is_object(value):
        message = _error_message(value)
        failed = message is not None or value.get("isError") is True
        text = text if (inner := message or _inner(value)) is None else inner
    # The SDK drops an MCP result's isError, so only the text may reveal a failure.
    return text, failed or text.startswith(_SDK_FAILURE) or is_refusal(text)


def _inner(result: JSONObject) -> str | None:
    for mark, key in _WRAPPERS:
        if mark in result and isinstance(result.get(key), str | list):
            return text_of(result[key])
    return None


def _error_message(result: JSONObject) -> str | None:
    message = dig(result, "error", "message")
    return message if isinstance(message, str) else None


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
