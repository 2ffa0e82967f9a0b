"""Prediction of MCP tools refused by Codex when nobody can approve them. Pure.

Source: measured on 0.153.4, 0.163.0 and 0.171.0 with every combination of hints, under the approval
policy `never` and under `on-request` with a client that declines. With full access and `never` no
tool is refused. 0.171.0 also accepts a tool with both hints, read-only and destructive.
"""

from __future__ import annotations

from collections.abc import Iterable

from codexmcp.data_classes import dataclass
from codexmcp.home.mcp_servers import McpServer
from codexmcp.jsonvalues import object_of


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool of an MCP server with its hints; None for a missing hint.

    Attributes:
        name: The tool's name.
        read_only: The tool changes nothing.
        destructive: The tool may delete or overwrite.
        open_world: The tool reaches beyond its server.
    """

    name: str
    read_only: bool | None = None
    destructive: bool | None = None
    open_world: bool | None = None


def read_tool(name: str, value: object) -> McpTool:
    """Return a tool from its decoded description in `tools/list`."""
    hints = object_of(object_of(value).get("annotations"))
    found = [hints.get(key) for key in ("readOnlyHint", "destructiveHint", "openWorldHint")]
    return McpTool(name, *(hint if isinstance(hint, bool) else None for hint in found))


def is_asked_for(server: McpServer, tool: McpTool) -> bool:
    """Return True if Codex asks before a call of the tool, and refuses without an answer."""
    match server.tool_modes.get(tool.name, server.approval_mode):
        case "approve":
            return False
        case "prompt":
            return True
        case "writes":
            return tool.read_only is not True
        case _:
            is_closed = tool.destructive is False and tool.open_world is False
            return tool.destructive is True or not (tool.read_only is True or is_closed)


def asked_for(server: McpServer, tools: Iterable[McpTool]) -> tuple[str, ...]:
    """Return the sorted names of the tools with a question before each call."""
    return tuple(sorted(tool.name for tool in tools if is_asked_for(server, tool)))
