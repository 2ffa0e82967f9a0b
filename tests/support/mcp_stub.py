"""MCP servers for tests, as programs of their own.

`python mcp_stub.py MODE` speaks on stdin and stdout; what is odd about it, MODE says. With `hints`
it has a tool for each combination of hints. With `asks` its tools ask their caller, by a form or a
link, and return what was answered. With `http` it is the SDK's server on loopback: it prints its
URL and wants the bearer token in MCP_STUB_TOKEN.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
from typing import Any

TOOLS = ["hello", "goodbye"]
FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "count": {"type": "integer", "default": 3},
    },
    "required": ["name"],
}
QUESTIONS = {
    "ask": {"message": "Who?", "requestedSchema": FORM},
    "link": {"mode": "url", "message": "Log in", "url": "https://x/login", "elicitationId": "1"},
}


HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")


def hinted() -> dict[str, dict[str, bool]]:
    """Return a tool for each combination of hints, with its annotations."""
    letters = {"n": None, "t": True, "f": False}
    return {
        "".join(word): {
            hint: value
            for hint, letter in zip(HINTS, word, strict=True)
            if (value := letters[letter]) is not None
        }
        for word in itertools.product(letters, repeat=len(HINTS))
    }


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def _answer(message: dict[str, Any]) -> object:
    params = message.get("params", {})
    match message["method"]:
        case "initialize":
            version = params["protocolVersion"]
            info = {"name": "stub", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            # One tool a page.
            at = int(params.get("cursor", 0))
            schema = {"type": "object", "properties": {}}
            page: dict[str, Any] = {"tools": [{"name": TOOLS[at], "inputSchema": schema}]}
            return page | ({"nextCursor": str(at + 1)} if at + 1 < len(TOOLS) else {})
        case _:
            return {}


def _speak(mode: str) -> None:
    match mode:
        case "junk":
            _say("added 12 packages in 3s")
        case "glued":
            _say("Ok to proceed? ", end="")
        case "silent":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()
        case "dies":
            sys.exit("no such database")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            result = _answer(message)
            answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
            _say(json.dumps(answer))


def _hint() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "tools/list":
                schema = {"type": "object"}
                tools = hinted().items()
                result: object = {
                    "tools": [
                        {"name": name, "inputSchema": schema, "annotations": hints}
                        for name, hints in tools
                    ]
                }
            case "tools/call":
                result = {"content": [{"type": "text", "text": "called"}]}
            case _:
                result = _answer(message)
        if "id" in message:
            _say(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))


def _ask_back() -> None:
    called: dict[str, object] = {}
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "tools/list":
                more = {"inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}}
                result: object = {"tools": [{"name": name, **more} for name in QUESTIONS]}
            case "tools/call":
                called["question"] = message["id"]
                params = QUESTIONS[message["params"]["name"]]
                question = {"id": "question", "method": "elicitation/create", "params": params}
                _say(json.dumps({"jsonrpc": "2.0", **question}))
                continue
            case None:
                text = json.dumps(message.get("result"))
                message["id"] = called[message["id"]]
                result = {"content": [{"type": "text", "text": text}]}
            case _:
                result = _answer(message)
        if "id" in message:
            _say(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))


async def _serve() -> None:
    import uvicorn  # noqa: PLC0415 - heavy, and the other modes do without
    from mcp.server import MCPServer  # noqa: PLC0415 - as above

    server = MCPServer("stub")
    for name in TOOLS:
        server.add_tool(lambda: "ok", name=name)
    app = server.streamable_http_app()

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", []))
        token = os.environ.get("MCP_STUB_TOKEN", "")
        if scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {token}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Listening from now on, so that whoever reads the URL may connect at once.
        listener.listen()
        _say(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp")
        config = uvicorn.Config(guarded, log_level="critical")
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    if sys.argv[1] == "http":
        asyncio.run(_serve())
    elif sys.argv[1] == "hints":
        _hint()
    elif sys.argv[1] == "asks":
        _ask_back()
    else:
        _speak(sys.argv[1])
