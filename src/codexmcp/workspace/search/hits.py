"""Parse the output of ripgrep's `--json`.

Pure: bytes in, hits out, in bounded memory. A hit counts only after verification of its file.

Source: "JSON Lines" of the documentation of the crate grep-printer.
"""

from __future__ import annotations

import base64
import binascii
import json

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import dig, integer_of, list_of, text_of
from codexmcp.workspace.files.reading import whole_characters

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Longer lines of output (each a line of a file in JSON) are dropped and counted."""

MAX_SHOWN_BYTES = 400
"""Bound on the part of a line kept and shown, around its first match."""

_SHOWN_BEFORE_BYTES = 100
_MATCH = b'{"type":"match"'


@dataclass(frozen=True, slots=True)
class Hit:
    """A line reported by ripgrep.

    Attributes:
        path: The file's path from the child's folder, as bytes.
        line: The line number, from 1.
        offset_bytes: The start of the line in ripgrep's text.
        start: The byte position of the first match in the line.
        data: The line with its ending, or the part around the first match. Only this part is kept,
            since lines may be many and long.
        skipped_bytes: The size of the line before this part.
        is_whole: The data is the whole line.
    """

    path: bytes
    line: int
    offset_bytes: int
    start: int
    data: bytes
    skipped_bytes: int = 0
    is_whole: bool = True


class Hits:
    """Collect output and return hits.

    Args:
        max_line_bytes: Bound on a line of output.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._held = bytearray()
        self._is_too_long = False
        self.left_out = 0

    def feed(self, data: bytes) -> list[Hit]:
        """Add a chunk of output and return the completed hits."""
        *complete, rest = data.split(b"\n")
        hits = [hit for piece in complete if (hit := self._finish(piece)) is not None]
        self._hold(rest)
        return hits

    def _finish(self, piece: bytes) -> Hit | None:
        self._hold(piece)
        line, is_too_long = bytes(self._held), self._is_too_long
        self._held.clear()
        self._is_too_long = False
        if is_too_long:
            self.left_out += 1
            return None
        return hit_of(line)

    def _hold(self, piece: bytes) -> None:
        if self._is_too_long or len(self._held) + len(piece) > self._max_line_bytes:
            self._held.clear()
            self._is_too_long = True
        else:
            self._held += piece


def hit_of(line: bytes) -> Hit | None:
    """Return the hit of a line of output; None for other lines.

    Args:
        line: A single line, without its ending.
    """
    if not line.startswith(_MATCH):
        return None
    try:
        told = dig(json.loads(line), "data")
        path, data = _bytes_of(dig(told, "path")), _bytes_of(dig(told, "lines"))
    except (ValueError, binascii.Error):
        return None
    number, offset = integer_of(dig(told, "line_number")), integer_of(dig(told, "absolute_offset"))
    first = next(iter(list_of(dig(told, "submatches"))), None)
    if path is None or data is None or number is None or offset is None:
        return None
    start = integer_of(dig(first, "start")) or 0
    part = _window(data, start)
    is_whole = len(data) == part.stop - part.start
    return Hit(path, number, offset, start, data[part], part.start, is_whole)


def _window(data: bytes, at: int) -> slice:
    """Return the visible part of a line, without split characters."""
    if len(data) <= MAX_SHOWN_BYTES:
        return slice(0, len(data))
    start = max(0, at - _SHOWN_BEFORE_BYTES)
    stop = min(len(data), start + MAX_SHOWN_BYTES)
    kept = whole_characters(data[start:stop], has_before=start > 0, has_after=stop < len(data))
    return slice(start + kept.start, start + kept.stop)


def _bytes_of(told: object) -> bytes | None:
    text = text_of(dig(told, "text"))
    if text is not None:
        return text.encode()
    encoded = text_of(dig(told, "bytes"))
    return None if encoded is None else base64.b64decode(encoded, validate=True)
