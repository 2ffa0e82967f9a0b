"""MCP servers for tests, as programs of their own.

`python mcp_stub.py MODE` speaks on stdin and stdout; what is odd about it, MODE says. With `http`
it is the SDK's server on loopback: it prints its URL and wants the bearer token in MCP_STUB_TOKEN.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import Any

TOOLS = ["hello", "goodbye"]


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
    else:
        _speak(sys.argv[1])
