"""Results of the file tools as JSON.

Pure.
"""

from __future__ import annotations

import datetime as dt
import os
import time
import urllib.parse
from collections.abc import Sequence
from typing import Any

from codexmcp.jsonvalues import without_nulls
from codexmcp.workspace.files.listing import ListedEntry
from codexmcp.workspace.files.reading import Piece
from codexmcp.workspace.files.writing import WriteResult
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.search.checking import Match
from codexmcp.workspace.search.searcher import SearchResult

_FIRST_S, _LAST_S = -62135596800.0, 253402300799.0


def listing(place: Location, entries: Sequence[ListedEntry], *, is_more: bool) -> dict[str, Any]:
    """Return the answer for a folder's entries."""
    cursor = cursor_of(entries[-1].names) if is_more and entries else None
    return {
        "path": shown(str(place)),
        "entries": [_entry(entry) for entry in entries],
        "next_cursor": cursor,
    }


def _entry(entry: ListedEntry) -> dict[str, Any]:
    # Runs for each entry of a folder, so speed matters.
    name = "/".join(entry.names)
    told = shown(name)
    fields: dict[str, Any] = {"name": told, "kind": entry.kind}
    if entry.size_bytes is not None:
        fields["size_bytes"] = entry.size_bytes
    fields["modified"] = moment(entry.modified_s)
    if told != name:
        # The escaped form is not usable as a path.
        fields["is_name_escaped"] = True
    return fields


def cursor_of(names: Sequence[str]) -> str:
    """Return the cursor of the page after an entry; every name is encodable."""
    return urllib.parse.quote(os.fsencode("/".join(names)))


def names_of(cursor: str) -> tuple[str, ...]:
    """Return the entry of a cursor; an empty tuple for an empty cursor."""
    path = os.fsdecode(urllib.parse.unquote_to_bytes(cursor))
    return tuple(path.split("/")) if path else ()


def piece(place: Location, read: Piece, encoding: str) -> dict[str, Any]:
    """Return the answer for a part of a file."""
    return {
        "path": str(place),
        "encoding": encoding,
        "content": read.text,
        "offset_bytes": read.offset_bytes,
        "next_offset_bytes": read.next_offset_bytes,
        "size_bytes": read.size_bytes,
        "sha256": read.sha256,
    }


def findings(place: Location, found: SearchResult) -> dict[str, Any]:
    """Return the answer for a search."""
    return {
        "path": str(place),
        "matches": [_match(match) for match in found.matches],
        "incomplete": found.incomplete,
    }


def _match(match: Match) -> dict[str, Any]:
    return without_nulls(
        {
            "path": shown(str(match.place)),
            "line": match.line,
            "column": match.column,
            "text": match.text,
            "is_part_of_line": None if match.is_whole else True,
        }
    )


def written(place: Location, done: WriteResult) -> dict[str, Any]:
    """Return the answer for a written file."""
    return without_nulls(
        {
            "path": str(place),
            "size_bytes": done.size_bytes,
            "sha256": done.sha256,
            "is_new": None if done.line else done.is_new,
            "line": done.line or None,
        }
    )


def moment(seconds: float) -> str:
    """Return a time in ISO 8601, in UTC.

    Args:
        seconds: Since 1970; clamped to the range of the calendar.
    """
    if 0 <= seconds <= _LAST_S:
        # Twice as fast as `datetime`, and called for each entry of a folder.
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    at = dt.datetime.fromtimestamp(min(max(seconds, _FIRST_S), _LAST_S), dt.UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(name: str) -> str:
    r"""Return a name for JSON: bytes outside UTF-8 as `\xff`."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
