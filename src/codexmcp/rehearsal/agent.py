"""What a rehearsal says as the agent that has Codex for a tool.

Owns handing a prompt to Codex and reporting what came back. Promises that both pass verbatim, with
only framing words added. Pure: imports only its neighbours in this package.
"""

from __future__ import annotations

import json
from typing import Any

from codexmcp.jsonvalues import dig, is_list, is_object
from codexmcp.rehearsal.conversation import AGENT_TOOLS, Turn, text_of, tools_of
from codexmcp.rehearsal.refusal import is_refusal
from codexmcp.rehearsal.responses import FunctionCall, JSONObject, Message

# Source: the Agents SDK's fixed words for a function tool that raised.
_SDK_FAILURE = "An error occurred while running the tool"

# A field that marks a shape, and the field that holds Codex's text in it: codex_tool of the Agents
# SDK, the structured content of the MCP tools, a whole MCP result, and one part of its content.
_WRAPPERS = (
    ("thread_id", "response"),
    ("threadId", "content"),
    ("content", "content"),
    ("type", "text"),
)


def delegate(body: JSONObject, prompt: str) -> FunctionCall:
    """Return the call that hands a prompt to Codex, in the shape that the offered tool takes.

    `codex` is preferred over `codex-reply`. Of the parameters only the prompt is given, and those
    that a strict schema requires, as null.
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
    """Return what the agent says about Codex's answer; None while there is no answer."""
    outputs = [step["output"] for step in turn.steps if "output" in step]
    if not outputs:
        return None
    text, failed = _answer(outputs[-1])
    return Message(f"Codex {'failed' if failed else 'reported'}:\n{text}")


def _text_input(prompt: str) -> dict[str, str | None]:
    return {"type": "text", "text": prompt, "path": None}


def _answer(output: object) -> tuple[str, bool]:
    """Find Codex's own text in a tool's output, and whether it is a failure."""
    text = text_of(output)
    value = _decoded(text)
    failed = False
    if is_list(value):
        text = text_of(value) or text
    elif is_object(value):
        message = _error_message(value)
        failed = message is not None or value.get("isError") is True
        text = text if (inner := message or _inner(value)) is None else inner
    # The SDK drops an MCP result's isError, so a failure may be known only by its words.
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
