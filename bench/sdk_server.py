"""The SDK's own HTTP server with a tool that does nothing, as others would write it.

Prints the port that it listens on.
"""

from __future__ import annotations

import socket
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.types import CallToolRequestParams, CallToolResult, TextContent


async def _call(_context: object, _params: CallToolRequestParams) -> CallToolResult:
    return CallToolResult(content=[TextContent(text="")])


def main() -> None:
    """Serve until killed."""
    server: Server[Any] = Server("empty", on_call_tool=_call)
    app = server.streamable_http_app(stateless_http=True, json_response=True)
    # asyncio sends without delay only through a socket that names its protocol.
    with socket.socket(proto=socket.IPPROTO_TCP) as connection:
        connection.bind(("127.0.0.1", 0))
        connection.listen(128)
        print(connection.getsockname()[1], flush=True)
        config = uvicorn.Config(app, access_log=False, log_level="error")
        uvicorn.Server(config).run([connection])


if __name__ == "__main__":
    main()
