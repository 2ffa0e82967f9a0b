"""Start an MCP server the way Codex does, and ask for its tools.

Guarantees: every wait is bounded, and the server and its child processes are gone at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from codexmcp.appserver.child import Child
from codexmcp.errors import (
    AppServerClosedError,
    CodexBinaryError,
    DeadlineError,
    ProtocolError,
    RequestError,
)
from codexmcp.home.mcp_report import (
    McpReport,
    failed,
    holds_message,
    judged,
    startup_timeout_s,
)
from codexmcp.home.mcp_servers import McpServer
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonvalues import list_of, object_of, text_of

PROTOCOL_VERSION = "2025-06-18"
PATIENCE_S = 60.0
"""Allowance beyond Codex's bound, to tell a slow start from a start without end."""

_INHERITED = frozenset(
    {
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "HOME",
        "LANG",
        "LC_ALL",
        "LOGNAME",
        "NODE_EXTRA_CA_CERTS",
        "PATH",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "SHELL",
        "SSL_CERT_FILE",
        "TERM",
        "TMPDIR",
        "TZ",
        "USER",
    }
)
"""Source: the environment of a server under Codex (0.153.4, 0.163.0 and 0.169.0)."""

_KEPT_JUNK = 20
_MOST_PAGES = 100


def server_environment(server: McpServer, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a server under Codex.

    Args:
        server: The server.
        environ: Codex's own environment.
    """
    names = _INHERITED.union(server.env_vars)
    return {**{name: environ[name] for name in names if name in environ}, **server.env}


async def check_stdio(
    server: McpServer, environ: Mapping[str, str], *, patience_s: float = PATIENCE_S
) -> McpReport:
    """Start a server, perform the handshake, list its tools, and stop it.

    Args:
        server: A server with a command.
        environ: The environment for Codex.
        patience_s: Allowance beyond Codex's bound, in seconds.
    """
    env = server_environment(server, environ)
    program = shutil.which(server.command[0], path=env.get("PATH"))
    if program is None:
        return failed(
            server, f"there is no program {server.command[0]!r}; install it or give its full path"
        )
    missing = [name for name in server.env_vars if name not in environ]
    try:
        child = await Child.start([program, *server.command[1:]], env=env)
    except CodexBinaryError as error:
        return failed(server, f"it cannot be started: {error.__cause__}")
    try:
        report = await _ask(server, child, startup_timeout_s(server) + patience_s)
    finally:
        await asyncio.shield(child.stop())
    if not missing:
        return report
    notes = (*report.notes, f"not set here, though the server expects them: {', '.join(missing)}")
    return McpReport(report.name, report.tools, report.took_s, report.faults, notes)


async def _ask(server: McpServer, child: Child, timeout_s: float) -> McpReport:
    peer = _Peer()
    connection = Connection(child.stream, peer, messages.Dialect.MCP)
    reading = asyncio.create_task(connection.serve())
    # An answer on the same line as other text is lost and not repeated.
    peer.on_lost_message = reading.cancel
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(timeout_s):
            await _shake_hands(connection)
            took_s = loop.time() - began
            return judged(server, await _tools(connection), took_s, peer.junk)
    except (TimeoutError, DeadlineError):
        reason = f"it did not answer within {timeout_s:g} s"
    except RequestError as error:
        reason = str(error)
    except ProtocolError as error:
        reason = f"it does not speak MCP: {error}"
    except AppServerClosedError:
        reason = "its answer was lost"
        if not peer.has_lost_message:
            await child.exited(1.0)
            reason = f"it ended before it had answered: {child.describe_exit()}"
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        with contextlib.suppress(asyncio.CancelledError, ProtocolError):
            reading.result()
        await connection.close()
    words = await child.last_words()
    return failed(server, f"{reason}; it said: {words}" if words else reason, peer.junk)


async def _shake_hands(connection: Connection) -> None:
    hello = {
        "protocolVersion": PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "codexmcp", "version": "1"},
    }
    await connection.request("initialize", hello, timeout_s=None)
    connection.notify("notifications/initialized")


async def _tools(connection: Connection) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        asked = {} if cursor is None else {"cursor": cursor}
        page = object_of(await connection.request("tools/list", asked, timeout_s=None))
        found += [str(object_of(tool).get("name")) for tool in list_of(page.get("tools"))]
        cursor = text_of(page.get("nextCursor"))
        if cursor is None:
            break
    return found


class _Peer:
    """The check's reaction to a server's messages.

    Attributes:
        junk: The first lines of stdout other than messages.
        has_lost_message: One of these lines ends in a message.
        on_lost_message: Called for such a line.
    """

    def __init__(self) -> None:
        self.junk: list[str] = []
        self.has_lost_message = False
        self.on_lost_message: Callable[[], object] | None = None

    async def on_request(self, request: messages.Request) -> Any:  # noqa: ANN401 - a JSON value
        if request.method == "ping":
            return {}
        raise RequestError(request.method, messages.METHOD_NOT_FOUND, "method not found")

    def on_notification(self, notification: messages.Notification) -> None:
        """Ignore progress and logs."""

    def on_invalid(self, message: messages.InvalidMessage) -> None:
        line = message.line.decode(errors="replace")
        if holds_message(line):
            self.has_lost_message = True
            self.junk.insert(0, line)
            if self.on_lost_message is not None:
                self.on_lost_message()
        elif len(self.junk) < _KEPT_JUNK:
            self.junk.append(line)
