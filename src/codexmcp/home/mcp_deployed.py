"""Notes about the MCP servers deployed by a repository to a Codex home.

Codex is asked about remote servers that are up and take a token, in a temporary home beside the
deployed home, with no change to the latter. Other servers are not started here.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from urllib.parse import urlsplit

from codexmcp.data_classes import replace
from codexmcp.home.mcp_codex import CodexQuery, check_by_codex, config_of
from codexmcp.home.mcp_report import unattended
from codexmcp.home.mcp_servers import McpServer, read_server
from codexmcp.home.toml_lines import parse
from codexmcp.jsonvalues import object_of
from codexmcp.network import LOOPBACK

_CONNECT_TIMEOUT_S = 2.0


def deployed_servers(fragment: str) -> list[McpServer]:
    """Return the enabled servers of a config fragment.

    Args:
        fragment: Valid TOML.
    """
    tables = object_of(parse(fragment).get("mcp_servers")).items()
    servers = (read_server(name, object_of(table)) for name, table in tables)
    return [server for server in servers if server.is_enabled and not server.fault]


async def deployed_notes(servers: list[McpServer], asking: CodexQuery) -> AsyncIterator[str]:
    """Yield obstacles to the use of the servers' tools, mainly in unattended runs.

    Raises:
        CodexMCPError: Codex did not answer.
    """
    for server in servers:
        if not server.bearer_var or server.url is None or not await _is_up(server.url):
            if server.approval_mode != "approve":
                yield (
                    f"{server.name}: Codex refuses tools that write when nobody can be asked, as "
                    f"in unattended runs; `codexmcp mcp check {server.name}` names them and the "
                    "remedy"
                )
            continue
        with _home_with(server) as home:
            report = await check_by_codex(server, replace(asking, home=home))
        asked = unattended(report)
        for told in (*report.faults, *((asked,) if asked else ())):
            yield f"{server.name}: {told}"


@contextlib.contextmanager
def _home_with(server: McpServer) -> Generator[Path, None, None]:
    with tempfile.TemporaryDirectory(prefix="codexmcp-check-") as folder:
        home = Path(folder)
        (home / "config.toml").write_text(config_of(server), encoding="utf-8")
        yield home


async def _is_up(url: str) -> bool:
    """Return True if a server may be up; for servers on other machines Codex decides."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK:
        return True
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
