"""Detection of MCP servers rewritten by `codex mcp`.

Pure. Source: `codex mcp add` and `codex mcp remove` rewrite all tables of MCP servers at the
position of the first, and drop every comment in and above them, including markers (measured on
0.153.4 and 0.163.0). A remaining comment therefore proves another editor removed our markers.
"""

from __future__ import annotations

from codexmcp.home.block_markers import BOM
from codexmcp.home.toml_lines import has_comment, statements
from codexmcp.home.toml_sections import is_toml, statement_end

SERVERS = "mcp_servers"
"""The table of all MCP servers."""


def may_be_rewritten(text: str) -> bool:
    """Return True if no comment is left in and above the tables of MCP servers.

    Args:
        text: Any text; invalid TOML was not written by Codex.
    """
    if not is_toml(text.removeprefix(BOM)):
        return False
    stop = 0
    for each in statements(text):
        start, stop = stop, statement_end(text, each.start)
        if each.path[0] == SERVERS and has_comment(text[start:stop]):
            return False
    return True
