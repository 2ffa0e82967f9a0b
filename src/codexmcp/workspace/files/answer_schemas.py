"""The schemas of the answers of the file tools, in the shapes of `answers`. Pure."""

from __future__ import annotations

from codexmcp.mcp_tools import (
    FLAG,
    INTEGER,
    INTEGER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    Schema,
    list_of,
    one_of,
    record,
)
from codexmcp.workspace.files.schemas import ENCODINGS
from codexmcp.workspace.paths.confined import KINDS, UNKNOWN_KIND

LISTING: Schema = record(
    {
        "path": TEXT,
        "entries": list_of(
            record(
                {
                    "name": TEXT,
                    "kind": one_of(dict.fromkeys([*KINDS.values(), UNKNOWN_KIND])),
                    "modified": TEXT,
                },
                {"size_bytes": INTEGER, "is_name_escaped": FLAG},
            )
        ),
        "next_cursor": TEXT_OR_NULL,
    }
)

PIECE: Schema = record(
    {
        "path": TEXT,
        "encoding": one_of(ENCODINGS),
        "content": TEXT,
        "offset_bytes": INTEGER,
        "next_offset_bytes": INTEGER_OR_NULL,
        "size_bytes": INTEGER,
        "sha256": TEXT_OR_NULL,
    }
)

FINDINGS: Schema = record(
    {
        "path": TEXT,
        "matches": list_of(
            record(
                {"path": TEXT, "line": INTEGER, "column": INTEGER, "text": TEXT},
                {"is_part_of_line": FLAG},
            )
        ),
        "incomplete": TEXT_OR_NULL,
    }
)

WRITTEN: Schema = record(
    {"path": TEXT, "size_bytes": INTEGER, "sha256": TEXT}, {"is_new": FLAG, "line": INTEGER}
)
