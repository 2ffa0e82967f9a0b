"""Whether `codex mcp` may have written the MCP servers of a text anew.

Pure. Source: `codex mcp add` and `codex mcp remove` write all tables of MCP servers anew, where the
first one stood, and drop every comment in and above them, markers included (measured on 0.153.4 and
0.163.0). So where such a comment is left, somebody else has taken our markers away.
"""

from __future__ import annotations

from codexmcp.home.block_markers import BOM
from codexmcp.home.toml_lines import has_comment, statements
from codexmcp.home.toml_sections import is_toml, statement_end

SERVERS = "mcp_servers"
"""The table of all MCP servers."""


def may_be_rewritten(text: str) -> bool:
    """Return whether no comment is left in and above the tables of MCP servers.

    Args:
        text: Any text; one that is no TOML was not written by Codex.
    """
    if not is_toml(text.removeprefix(BOM)):
        return False
    stop = 0
    for each in statements(text):
        start, stop = stop, statement_end(text, each.start)
        if each.path[0] == SERVERS and has_comment(text[start:stop]):
            return False
    return True
