"""The definitions of the two tools, as the removed server listed them.

Pure. Source: `tools/list` of `codex mcp-server` 0.153.4, kept verbatim in `tools.json`.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

CODEX = "codex"
CODEX_REPLY = "codex-reply"


@cache
def tool_definitions() -> list[dict[str, Any]]:
    """Return the tools as `tools/list` answers them."""
    text = files("codexmcp.server").joinpath("tools.json").read_text(encoding="utf-8")
    definitions: list[dict[str, Any]] = json.loads(text)
    return definitions
