"""Ask a remote MCP server for its tools, with the MCP SDK's client.

Every wait is bounded. The SDK is imported on first use: its import takes half a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from codexmcp.home.mcp_report import McpReport, failed, judged, startup_timeout_s
from codexmcp.home.mcp_servers import McpServer
from codexmcp.network import DIRECT_MOUNTS, tls_context

if TYPE_CHECKING:
    import httpx2
    from mcp import ClientSession

_BAD = 400
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NO_SUCH_WAY = (404, 405)
_MOST_PAGES = 100


def request_headers(server: McpServer, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of Codex's requests.

    Args:
        server: A remote server.
        environ: The environment with the tokens.
    """
    taken = {
        name: environ[variable]
        for name, variable in server.header_vars.items()
        if variable in environ
    }
    token = environ.get(server.bearer_var or "")
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return {**server.headers, **taken, **bearer}


async def check_remote(server: McpServer, environ: Mapping[str, str]) -> McpReport:
    """Perform the handshake with a remote server and list its tools.

    Args:
        server: A server with a URL.
        environ: The environment for Codex.
    """
    wanted = [*server.header_vars.values(), *([server.bearer_var] if server.bearer_var else [])]
    missing = [name for name in wanted if not environ.get(name)]
    if missing:
        return failed(server, f"not set here: {', '.join(missing)}; set the token's variable")
    answers: list[int] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    limit = startup_timeout_s(server)
    try:
        async with asyncio.timeout(limit):
            tools = await _ask(server, request_headers(server, environ), answers)
    except TimeoutError:
        return failed(server, f"it did not answer within {limit:g} s ({server.url})")
    except Exception as error:  # noqa: BLE001 - the SDK wraps what happened in several kinds
        return failed(server, _reason(server, error, answers))
    return judged(server, tools, loop.time() - began)


async def _ask(server: McpServer, headers: Mapping[str, str], answers: list[int]) -> list[str]:
    import httpx2  # noqa: PLC0415 - see above
    from mcp import ClientSession  # noqa: PLC0415 - see above
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - see above

    async def note(response: httpx2.Response) -> None:
        answers.append(response.status_code)

    timeout = startup_timeout_s(server)
    async with (
        httpx2.AsyncClient(
            headers=dict(headers),
            timeout=timeout,
            event_hooks={"response": [note]},
            mounts=DIRECT_MOUNTS,
            verify=tls_context(),
        ) as client,
        streamable_http_client(server.url or "", http_client=client) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        return await _tools(session)


async def _tools(session: ClientSession) -> list[str]:
    from mcp.types import PaginatedRequestParams  # noqa: PLC0415 - see above

    found: list[str] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _reason(server: McpServer, error: Exception, answers: list[int]) -> str:
    last = answers[-1] if answers else None
    if last == _UNAUTHORIZED:
        if server.bearer_var:
            return (
                f"it refuses the token in {server.bearer_var} (401): not the server's token; "
                "that of `codexmcp serve --http` is in ~/.agentos/token"
            )
        if server.headers or server.header_vars:
            return "it refuses the headers (401); set a valid token"
        return (
            "a token or login is required (401); give --bearer-token-env-var NAME, or log in with "
            f"`codex mcp login {server.name}`"
        )
    if last == _FORBIDDEN:
        return "it refuses the request (403); look at what the token may do"
    if last in _NO_SUCH_WAY:
        path = urlsplit(server.url or "").path
        return (
            f"no MCP endpoint at {path or '/'} ({last}); Codex supports Streamable HTTP only, "
            "often at /mcp, not the older SSE transport, often at /sse"
        )
    if last is not None and last >= _BAD:
        return f"it answered with HTTP status {last}"
    return f"it cannot be reached: {_innermost(error)}; is the server running?"


def _innermost(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _innermost(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return str(error) or type(error).__name__
