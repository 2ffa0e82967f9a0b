"""Which scope a request of MCP needs, found in its body before MCP sees it.

Pure. Only for tokens that are not good for everything; whoever gets past it by a body that two
parsers read differently meets the same rule again at the tool.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from codexmcp.jsonvalues import dig, object_of, text_of
from codexmcp.workspace.tool import Scope


def needed(body: bytes, scope_of: Callable[[str], Scope | None]) -> tuple[Scope, str] | None:
    """Return the scope that a request needs, and for what; None when it needs none.

    Args:
        body: The request.
        scope_of: Returns the scope of a tool; None for one that is not known.
    """
    try:
        # MCP takes no other encoding; bytes would be decoded by what they look like.
        message = object_of(json.loads(body.decode()))
    except (ValueError, RecursionError):
        # MCP says what is wrong with it.
        return None
    match message.get("method"):
        case "tools/call":
            name = text_of(dig(message, "params", "name")) or ""
            scope = scope_of(name)
            return None if scope is None else (scope, name)
        case "resources/read":
            return Scope.READ, "reading"
        case _:
            return None
