"""The model's answers as raw items, for what the test kit has no words for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from codexmcp.rehearsal.encoding import encode_event
from codexmcp.testing import HTTPError, Nonsense

Item: TypeAlias = Mapping[str, Any]


def raw(*items: Item, events: Iterable[Item] = ()) -> Nonsense:
    """Return a step of the model that answers with raw items.

    Args:
        items: The items; each gets an id and, if it is a call, a `call_id`.
        events: Further events of the stream, before its end.
    """
    return Nonsense(_stream(items, events), as_events=True)


def raw_with_headers(headers: Mapping[str, str], *items: Item) -> HTTPError:
    """Return the same with headers of the HTTP response."""
    # The kit has headers for errors only, and takes any status.
    return HTTPError(200, body=_stream(items, ()), headers=headers)


def message(text: str, phase: str | None = None) -> Item:
    """Return a message of the model."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content, "phase": phase}


def tool_call(name: str, namespace: str | None = None, /, **arguments: object) -> Item:
    """Return a call of a function tool."""
    call = {"type": "function_call", "name": name, "arguments": json.dumps(arguments)}
    return {**call, "namespace": namespace} if namespace else call


def code(javascript: str) -> Item:
    """Return a call of `exec`, the tool of code mode."""
    return {"type": "custom_tool_call", "name": "exec", "input": javascript}


def _stream(items: tuple[Item, ...], events: Iterable[Item]) -> bytes:
    # Ids may not be used twice in a thread, and answers of the same content are told apart by none.
    digest = hashlib.sha256(json.dumps(items).encode()).hexdigest()[:8]
    told: list[Item] = [{"type": "response.created", "response": {"id": digest}}]
    for index, item in enumerate(items):
        call = {"call_id": f"call_{digest}_{index}"} if item["type"].endswith("_call") else {}
        whole = {"id": f"item_{digest}_{index}", **call, **item}
        begun = {**whole, "content": []} if item["type"] == "message" else whole
        for state, each in (("added", begun), ("done", whole)):
            kind = f"response.output_item.{state}"
            told.append({"type": kind, "output_index": index, "item": each})
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    told += [*events, {"type": "response.completed", "response": {"id": digest, "usage": usage}}]
    return b"".join(map(encode_event, told))
