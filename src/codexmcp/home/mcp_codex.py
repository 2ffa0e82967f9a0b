"""Ask the real Codex for the tools of a home's MCP servers.

Guarantees: every wait is bounded, and Codex is stopped at the end. Without tools from Codex, the
handshake of `mcp_stdio` and `mcp_remote` finds the reason; Codex often gives no reason.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import ConfigurationError, DeadlineError, RequestError
from codexmcp.home.mcp_approval import McpTool, asked_for, read_tool
from codexmcp.home.mcp_remote import check_remote
from codexmcp.home.mcp_report import McpReport, judged, startup_timeout_s
from codexmcp.home.mcp_servers import McpServer
from codexmcp.home.mcp_stdio import check_stdio
from codexmcp.home.sync.strict_check import strict_problems
from codexmcp.jsonvalues import list_of, object_of, text_of

PATIENCE_S = 30.0
"""Allowance for Codex beyond the server's own bound. 0.153.4 asks all servers at once."""

_NAME = re.compile(r"[A-Za-z0-9_:@/.-]+")
"""Source: the error of 0.163.0 for other names. 0.153.4 has the same rule, without an error."""


@dataclass(frozen=True, slots=True)
class CodexQuery:
    """The Codex to query.

    Attributes:
        codex: The Codex binary.
        home: The Codex home.
        env: The environment for Codex.
    """

    codex: Path
    home: Path
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """Codex's answer about a server.

    Attributes:
        tools: The tools; None if the server is not up.
        took_s: Duration of the query in seconds.
        error: The reason for a server that is not up; empty if Codex gives no reason.
    """

    tools: tuple[McpTool, ...] | None
    took_s: float
    error: str = ""


async def check_by_codex(server: McpServer, asking: CodexQuery) -> McpReport:
    """Have Codex start a server and list its tools; on failure, find the reason.

    Raises:
        CodexMCPError: Codex did not answer.
    """
    if server.fault:
        return McpReport(server.name, faults=(await _refusal(server, asking, server.fault),))
    check = check_stdio if server.url is None else check_remote
    if not server.is_enabled:
        report = await check(server, asking.env)
        return replace(report, notes=(*report.notes, "Codex does not start it: enabled = false"))
    try:
        status = await status_by_codex(server, asking)
    except ConfigurationError as error:
        return McpReport(server.name, faults=(await _refusal(server, asking, str(error)),))
    if status.tools is not None:
        report = judged(server, sorted(tool.name for tool in status.tools), status.took_s)
        return replace(report, asked_for=asked_for(server, status.tools))
    report = await check(server, asking.env)
    if not report.is_ok:
        return report
    is_name = _NAME.fullmatch(server.name)
    told = status.error or ("it does not say why" if is_name else "it does not accept the name")
    remedy = "" if is_name else "; rename its table: letters, digits and `_`, `-`, `.`, `:`, `/`"
    return replace(report, faults=(f"Codex gets no tools from it: {told}{remedy}",))


async def status_by_codex(server: McpServer, asking: CodexQuery) -> ServerStatus:
    """Return Codex's status of a server.

    Raises:
        ConfigurationError: Codex refuses config.toml; carries Codex's message with the line.
        CodexMCPError: Codex did not answer.
    """
    options = LaunchOptions(asking.codex, {**asking.env, "CODEX_HOME": str(asking.home)})
    params = {"detail": "toolsAndAuthOnly", "serverName": server.name}
    limit = startup_timeout_s(server) + PATIENCE_S
    async with AppServer.launch(options) as codex:
        began = asyncio.get_running_loop().time()
        try:
            answer = await codex.call("mcpServerStatus/list", params, timeout_s=limit)
        except RequestError as error:
            raise ConfigurationError(f"Codex refuses config.toml: {error.message}") from None
        except DeadlineError:
            return ServerStatus(None, limit, f"it has not answered within {limit:g} s")
        took_s = asyncio.get_running_loop().time() - began
    return _status(server.name, answer, took_s)


def _status(name: str, answer: Mapping[str, Any], took_s: float) -> ServerStatus:
    entries = (object_of(each) for each in list_of(answer.get("data")))
    entry = next((each for each in entries if each.get("name") == name), object_of(None))
    error = text_of(entry.get("toolsError")) or ""
    if error or entry.get("serverInfo") is None:
        return ServerStatus(None, took_s, error)
    tools = object_of(entry.get("tools")).items()
    return ServerStatus(tuple(read_tool(tool, value) for tool, value in tools), took_s)


def config_of(server: McpServer) -> str:
    """Return a config.toml with only the table of a server read from another config.toml."""
    return tomlkit.dumps({"mcp_servers": {server.name: dict(server.table)}})


async def _refusal(server: McpServer, asking: CodexQuery, told: str) -> str:
    """Return the reason why a server is unusable when Codex refuses the whole file."""
    files = {"config.toml": config_of(server).encode()}
    problems = await asyncio.to_thread(
        strict_problems, asking.codex, asking.home, files, asking.env
    )
    if not problems:
        return f"not checked, because {told}; correct that first"
    remedy = "give it either a command or a url" if server.fault else "correct it"
    words = problems["config.toml"]
    return (
        f"Codex refuses this table, and with it all of config.toml: {words}; {remedy}, or remove "
        f"it: codexmcp mcp remove --any {server.name!r}"
    )
