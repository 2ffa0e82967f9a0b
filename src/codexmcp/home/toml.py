"""Values as TOML for Codex's `-c` settings.

Pure.
"""

from __future__ import annotations

import json

from codexmcp.jsonvalues import is_list, is_object


def inline(value: object) -> str:
    """Return a value as inline TOML.

    Args:
        value: A string, bool, number, list or mapping of such values.
    """
    if is_object(value):
        return (
            "{" + ",".join(f"{json.dumps(k)}={inline(entry)}" for k, entry in value.items()) + "}"
        )
    if is_list(value):
        return "[" + ",".join(map(inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    # TOML basic strings use JSON's escapes, and also require an escape of DEL.
    return json.dumps(str(value)).replace("\x7f", "\\u007f")
