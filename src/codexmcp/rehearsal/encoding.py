"""The two encodings of a reply in the Responses API: events, and a single JSON object.

Both carry the same content, and satisfy the openai SDK's parser and Codex. Pure: no I/O, no clock,
no random ids. Imports only `responses`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from codexmcp.rehearsal.responses import (
    CustomToolCall,
    FunctionCall,
    Item,
    JSONObject,
    Message,
    Reply,
    Usage,
)

Event: TypeAlias = dict[str, Any]


def response_object(reply: Reply, response_id: str, model: str) -> Event:
    """Return the reply as the single JSON object for `stream: false`.

    Args:
        reply: The model's reply.
        response_id: The response's id; item ids and missing call ids derive from it.
        model: The requested model.
    """
    output = [_item(item, response_id, index) for index, item in enumerate(reply.items)]
    return _response(response_id, model, "completed", output, reply.usage)


def stream_events(reply: Reply, response_id: str, model: str) -> Iterator[Event]:
    """Yield the reply as the events for `stream: true`, numbered from 0.

    Args:
        reply: The model's reply.
        response_id: The response's id; item ids and missing call ids derive from it.
        model: The requested model.
    """
    for number, event in enumerate(_events(reply, response_id, model)):
        event["sequence_number"] = number
        yield event


def failed_events(code: str, message: str, response_id: str, model: str) -> Iterator[Event]:
    """Yield the events of a failing response.

    Args:
        code: The API's error code, such as `rate_limit_exceeded`.
        message: The API's message.
        response_id: The response's id.
        model: The requested model.
    """
    started = _response(response_id, model, "in_progress", [], None)
    failed = _response(response_id, model, "failed", [], None)
    failed["error"] = {"code": code, "message": message}
    yield {"type": "response.created", "response": started, "sequence_number": 0}
    yield {"type": "response.failed", "response": failed, "sequence_number": 1}


def encode_event(event: JSONObject) -> bytes:
    """Return an event as a server-sent event."""
    data = json.dumps(event, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def _events(reply: Reply, response_id: str, model: str) -> Iterator[Event]:
    started = _response(response_id, model, "in_progress", [], None)
    yield {"type": "response.created", "response": started}
    for index, item in enumerate(reply.items):
        done = _item(item, response_id, index)
        at = {"item_id": done["id"], "output_index": index}
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(done)}
        yield from _body(item, done, at)
        yield {"type": "response.output_item.done", "output_index": index, "item": done}
    finished = response_object(reply, response_id, model)
    yield {"type": "response.completed", "response": finished}


def _body(item: Item, done: Event, at: Event) -> Iterator[Event]:
    if isinstance(item, Message):
        yield from _text_events(item, done["content"][0], at)
        return
    kind, key = ("function_call_arguments", "arguments")
    if isinstance(item, CustomToolCall):
        kind, key = ("custom_tool_call_input", "input")
    yield {"type": f"response.{kind}.delta", **at, "delta": done[key]}
    yield {"type": f"response.{kind}.done", **at, "name": item.name, key: done[key]}


def _text_events(message: Message, part: Event, at: Event) -> Iterator[Event]:
    at = {**at, "content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    for delta in message.deltas():
        yield {"type": "response.output_text.delta", **at, "delta": delta, "logprobs": []}
    text = message.text
    yield {"type": "response.output_text.done", **at, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}


def _item(item: Item, response_id: str, index: int) -> Event:
    suffix = f"{response_id}_{index}"
    if isinstance(item, Message):
        part: Event = {"type": "output_text", "text": item.text, "annotations": [], "logprobs": []}
        message = {"id": f"msg_{suffix}", "type": "message", "role": "assistant"}
        return {**message, "status": "completed", "content": [part]}
    call = {"call_id": item.call_id or f"call_{suffix}", "name": item.name, "status": "completed"}
    if isinstance(item, FunctionCall):
        if item.namespace is not None:
            call["namespace"] = item.namespace
        arguments = json.dumps(dict(item.arguments))
        return {"id": f"fc_{suffix}", "type": "function_call", **call, "arguments": arguments}
    return {"id": f"ctc_{suffix}", "type": "custom_tool_call", **call, "input": item.input}


def _begun(done: Event) -> Event:
    # As in the API, an item starts empty, and its deltas fill it.
    empty: Event = {"content": [], "arguments": "", "input": ""}
    return {**done, "status": "in_progress"} | {k: v for k, v in empty.items() if k in done}


def _response(
    response_id: str, model: str, status: str, output: list[Event], usage: Usage | None
) -> Event:
    return {
        "id": f"resp_{response_id}",
        "object": "response",
        "created_at": 0,
        "model": model,
        "status": status,
        "output": output,
        "usage": _usage(usage) if usage else None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }


def _usage(usage: Usage) -> Event:
    cached = {"cached_tokens": usage.cached_input_tokens, "cache_write_tokens": 0}
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": cached,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
