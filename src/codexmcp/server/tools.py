"""The definitions of the two tools.

Pure. Source: `tools/list` of `codex mcp-server` 0.153.4, kept verbatim in `tools.json`; what it did
not have is added here.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

CODEX = "codex"
CODEX_REPLY = "codex-reply"


@cache
def tool_definitions(*, strict: bool) -> list[dict[str, Any]]:
    """Return the tools as `tools/list` answers them.

    Args:
        strict: Whether only the removed server's arguments are offered.
    """
    text = files("codexmcp.server").joinpath("tools.json").read_text(encoding="utf-8")
    definitions: list[dict[str, Any]] = json.loads(text)
    if strict:
        return definitions
    for tool in definitions:
        more = _EXTRAS if tool["name"] == CODEX else _TURN_EXTRAS
        tool["inputSchema"]["properties"] |= more
        tool["outputSchema"]["properties"]["output"] = {
            "type": "object",
            "additionalProperties": True,
            "description": "The answer's value, when an `output-schema` was given.",
        }
    return definitions


_TURN_EXTRAS: dict[str, Any] = {
    "output-schema": {
        "type": "object",
        "additionalProperties": True,
        "description": "JSON Schema of an object that the final answer must fit.",
    },
    "images": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Paths of local images that belong to the prompt.",
    },
    "effort": {"type": "string", "description": "Reasoning effort, such as `low` or `high`."},
    "timeout": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "Bound on the turn, in seconds; it is interrupted when it takes longer.",
    },
}

_EXTRAS: dict[str, Any] = {
    **_TURN_EXTRAS,
    "profile": {
        "type": "string",
        "description": "Profile of the Codex home: the settings in `<profile>.config.toml`.",
    },
}
