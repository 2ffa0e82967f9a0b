"""Remains of our markers around MCP servers after `codex mcp add`.

Pure. Source: `codex mcp add` drops every comment in and above the tables of MCP servers, so only
the end marker of a managed block may remain (measured on 0.163.0).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from codexmcp.data_classes import dataclass
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


def without_orphan_markers(text: str) -> str:
    """Return a text without unpaired end markers around MCP servers left by Codex.

    Markers broken by other editors stay, for an error by `blocks`.
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
