"""A scripted model of Anthropic's Messages API, so that Claude Code can be run without a login.

Speaks as much of it as one conversation with tools needs, streamed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
"""Variables with which Claude Code talks to nobody but its model."""

KEY = "sk-ant-test"

ToolUse: TypeAlias = tuple[str, Mapping[str, Any]]
Step: TypeAlias = str | ToolUse | Callable[[str], ToolUse]
"""A text, a call of a tool, or what makes a call of the result of the one before."""
Choice: TypeAlias = Callable[[Mapping[str, Any]], str | ToolUse]
"""Makes a step of the body of a request."""


@contextmanager
def messages_api(
    script: Sequence[Step] | Choice, on_request: Callable[[str], None] = lambda _body: None
) -> Iterator[str]:
    """Serve a model that says one step after each result of a tool; yield the base URL.

    Args:
        script: The steps, or what chooses one for each request.
        on_request: Called with the body of each request, before it is answered.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            on_request(text)
            body = json.loads(text)
            results = _results(body)
            block = _block(_step(script, body, results), len(results))
            answer = "".join(map(_encoded, _events(block, body["model"]))).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.wfile.write(answer)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _step(
    script: Sequence[Step] | Choice, body: Mapping[str, Any], results: Sequence[str]
) -> str | ToolUse:
    if callable(script):
        return script(body)
    step = script[len(results)]
    return step(results[-1]) if callable(step) else step


def results(text: str) -> list[str]:
    """Return the results of all tools in the body of a request."""
    return _results(json.loads(text))


def _results(body: Mapping[str, Any]) -> list[str]:
    blocks = [
        block
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    return [_text(block["content"]) for block in blocks if block["type"] == "tool_result"]


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def _block(step: str | ToolUse, number: int) -> dict[str, Any]:
    if isinstance(step, str):
        return {"type": "text", "text": step}
    name, arguments = step
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": dict(arguments)}


def _events(block: Mapping[str, Any], model: str) -> Iterator[dict[str, Any]]:
    is_text = block["type"] == "text"
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    usage = {"input_tokens": 1, "output_tokens": 1}
    begun: dict[str, Any] = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield {"type": "message_start", "message": begun}
    empty = {**block, "text": ""} if is_text else {**block, "input": {}}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    delta = (
        {"type": "text_delta", "text": block["text"]}
        if is_text
        else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    )
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn" if is_text else "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


def _encoded(event: Mapping[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
