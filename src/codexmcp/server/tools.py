"""The definitions of the two tools.

Pure. Source: `tools/list` of `codex mcp-server` 0.153.4, verbatim in `tools.json`; additions are in
this module.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from codexmcp.settings import SANDBOX_MODES

CODEX = "codex"
CODEX_REPLY = "codex-reply"


@cache
def tool_definitions(*, strict: bool) -> list[dict[str, Any]]:
    """Return the tools for `tools/list`.

    Args:
        strict: Offer only the removed server's arguments.
    """
    text = Path(__file__).with_name("tools.json").read_text(encoding="utf-8")
    definitions: list[dict[str, Any]] = json.loads(text)
    if strict:
        return definitions
    for tool in definitions:
        more = _CODEX_EXTRAS if tool["name"] == CODEX else _REPLY_EXTRAS
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

_REPLY_EXTRAS: dict[str, Any] = {
    **_TURN_EXTRAS,
    "sandbox": {
        "type": "string",
        "enum": list(SANDBOX_MODES),
        "description": "Sandbox mode from this turn on.",
    },
}

_CODEX_EXTRAS: dict[str, Any] = {
    **_TURN_EXTRAS,
    "profile": {
        "type": "string",
        "description": "Profile of the Codex home: the settings in `<profile>.config.toml`.",
    },
}
