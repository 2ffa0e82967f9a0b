"""Reads what ripgrep prints with `--json`.

Pure: bytes in, hits out, in bounded memory. A hit is a claim until its file was looked at.

Source: "JSON Lines" of the documentation of the crate grep-printer.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from codexmcp.jsonvalues import dig, integer_of, list_of, text_of

MAX_LINE_BYTES = 4 * 1024 * 1024
"""A longer line of output, which is a line of a file in JSON, is left out and counted."""

_MATCH = b'{"type":"match"'


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that ripgrep says it found.

    Attributes:
        path: The file's path from the child's folder, as bytes.
        line: Its number, from 1.
        offset_bytes: Where the line begins in the text that ripgrep saw.
        data: The line, its end included.
        start: Where in it the first match begins, in bytes.
    """

    path: bytes
    line: int
    offset_bytes: int
    data: bytes
    start: int


class Hits:
    """Collects output and gives back hits.

    Args:
        max_line_bytes: The longest line of output that is read.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._held = bytearray()
        self._is_too_long = False
        self.left_out = 0

    def feed(self, data: bytes) -> list[Hit]:
        """Add output and return the hits that it completes.

        Args:
            data: The next piece of output.
        """
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
    """Return the hit that a line of output tells; None for what is none.

    Args:
        line: One line, without its end.
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
    return Hit(path, number, offset, data, integer_of(dig(first, "start")) or 0)


def _bytes_of(told: object) -> bytes | None:
    text = text_of(dig(told, "text"))
    if text is not None:
        return text.encode()
    encoded = text_of(dig(told, "bytes"))
    return None if encoded is None else base64.b64decode(encoded, validate=True)
