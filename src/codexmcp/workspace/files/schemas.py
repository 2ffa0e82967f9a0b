"""The arguments of the file tools as JSON Schema.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ENCODINGS = ("utf-8", "base64")
LIST_LIMIT = 200
MAX_LIST_LIMIT = 2000
MAX_LIST_DEPTH = 16
READ_LIMIT_BYTES = 64 * 1024
MAX_READ_LIMIT_BYTES = 1024 * 1024
SEARCH_LIMIT = 100
MAX_SEARCH_LIMIT = 1000
MAX_READ_OFFSET_BYTES = 2**53 - 1
"""Larger than any file, within 63-bit offsets and the exact range of JSON numbers."""

_MIN_READ_BYTES = 4
_MAX_PATTERN = 4096
_MAX_GLOBS = 20
_MAX_TEXT = 16 * 1024 * 1024
_MAX_CONTENT = 24 * 1024 * 1024
"""Characters; slightly more than the largest file in Base64."""

Schema = Mapping[str, Any]

_PATH = {
    "type": "string",
    "description": "Relative to the first root, or absolute in any root. No `..`, no links.",
}
_ENCODING = {
    "enum": list(ENCODINGS),
    "default": "utf-8",
    "description": "How the content is given; base64 for what is not text in UTF-8.",
}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "default": False, "description": description}


def _number(description: str, default: int, least: int, most: int | None = None) -> Schema:
    bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    return {"type": "integer", "default": default, **bounds, "description": description}


def _text(description: str, **more: int | str) -> Schema:
    return {"type": "string", "description": description, **more}


def closed(properties: Mapping[str, Any], required: tuple[str, ...] = ()) -> Schema:
    """Return the closed schema of an object with these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


LIST: Schema = closed(
    {
        "path": {**_PATH, "default": "."},
        "depth": _number("Levels of folders to list.", 1, 1, MAX_LIST_DEPTH),
        "limit": _number("Entries at most.", LIST_LIMIT, 1, MAX_LIST_LIMIT),
        "cursor": _text("`next_cursor` of the page before.", default=""),
    }
)

READ: Schema = closed(
    {
        "path": _PATH,
        "offset_bytes": _number("Where to begin.", 0, 0, MAX_READ_OFFSET_BYTES),
        "limit_bytes": _number(
            "How much to read.", READ_LIMIT_BYTES, _MIN_READ_BYTES, MAX_READ_LIMIT_BYTES
        ),
        "encoding": _ENCODING,
    },
    ("path",),
)

SEARCH: Schema = closed(
    {
        "pattern": _text("What to find in a line.", minLength=1, maxLength=_MAX_PATTERN),
        "path": {**_PATH, "default": ".", "description": "A folder or a file; see `path` of list."},
        "regex": _flag("Take the pattern as a regular expression (ripgrep's syntax)."),
        "ignore_case": _flag("Let case not matter."),
        "globs": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 512},
            "maxItems": _MAX_GLOBS,
            "description": "Files to search, such as `*.py`, or with `!` before it not to search.",
        },
        "include_hidden": _flag("Search what begins with a dot, too."),
        "include_ignored": _flag("Search what .gitignore leaves out, too."),
        "limit": _number("Lines at most.", SEARCH_LIMIT, 1, MAX_SEARCH_LIMIT),
    },
    ("pattern",),
)

WRITE: Schema = closed(
    {
        "path": _PATH,
        "content": _text("The whole content of the file.", maxLength=_MAX_CONTENT),
        "encoding": _ENCODING,
        "create_parents": _flag("Make the folders that are missing."),
        "must_not_exist": _flag("Fail when the file exists."),
        "expected_sha256": _text(
            "Fail when the file is not this now: `sha256` of a read.",
            pattern="^[0-9a-fA-F]{64}$",
        ),
    },
    ("path", "content"),
)

REPLACE: Schema = closed(
    {
        "path": _PATH,
        "old_text": _text(
            "The exact snippet; it must occur once in the file.", minLength=1, maxLength=_MAX_TEXT
        ),
        "new_text": _text("What comes in its place.", maxLength=_MAX_TEXT),
    },
    ("path", "old_text", "new_text"),
)
