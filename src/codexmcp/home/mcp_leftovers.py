"""What `codex mcp add` leaves of our markers around MCP servers.

Pure. Source: it drops every comment in and above the tables of MCP servers, so that of a managed
block only the end marker may be left (measured on 0.163.0).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from codexmcp.home.codex_trace import may_be_rewritten

_NAME = r"mcp-server/[A-Za-z0-9._:/-]+"
_MARKER = re.compile(
    rf"^# (?P<arrows>>>>|<<<) codexmcp: (?P<name>{_NAME}) (?P=arrows)[ \t]*\r?(?:\n|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    stop: int
    name: str
    opens: bool


def mended(text: str) -> str:
    """Return a text without the end markers around MCP servers that Codex has left alone.

    Markers that somebody else has broken stay, for `blocks` to name.
    """
    lines = [
        _Line(found.start(), found.end(), found["name"], found["arrows"] == ">>>")
        for found in _MARKER.finditer(text)
    ]
    paired = {
        line
        for first, second in pairwise(lines)
        if first.opens and not second.opens and first.name == second.name
        for line in (first, second)
    }
    stray = [line for line in lines if line not in paired]
    ends = Counter(line.name for line in lines if not line.opens)
    if not stray or any(line.opens or ends[line.name] > 1 for line in stray):
        return text
    if not may_be_rewritten(text):
        return text
    for line in reversed(stray):
        text = text[: line.start] + text[line.stop :]
    return text
