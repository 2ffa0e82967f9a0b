"""Reads files: a piece of one, or a whole one within a bound.

Never holds more than was asked for, however large the file is.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

_MAX_CONTINUATION_BYTES = 3
_CONTINUATION, _CONTINUATION_MASK = 0x80, 0xC0
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file.

    Attributes:
        text: The text, or the bytes in base64.
        offset_bytes: Where it begins in the file.
        next_offset_bytes: Where the rest begins; None when there is none.
        size_bytes: The size of the whole file.
        sha256: Of the whole file, in hexadecimal; None when this is not the whole.
    """

    text: str
    offset_bytes: int
    next_offset_bytes: int | None
    size_bytes: int
    sha256: str | None


def read_piece(
    roots: Roots, place: Location, offset_bytes: int, limit_bytes: int, encoding: str
) -> Piece:
    """Read a part of a file.

    Args:
        roots: The roots.
        place: The file.
        offset_bytes: Where to begin. In the midst of a character of text, its rest is left out.
        limit_bytes: How much to read at most; at least 4, so that a character fits.
        encoding: `utf-8` or `base64`.

    Raises:
        WorkspaceError: It cannot be read, or is not text and was asked for as text.
    """
    with roots.open_file(place) as (file, status):
        data = read_up_to(file, limit_bytes, offset_bytes)
    end = offset_bytes + len(data)
    is_more = end < status.st_size and bool(data)
    whole = None if offset_bytes or is_more else hashlib.sha256(data).hexdigest()
    if encoding == "base64":
        text = base64.b64encode(data).decode("ascii")
    else:
        kept = whole_characters(data, has_before=offset_bytes > 0, has_after=is_more)
        offset_bytes += kept.start
        end -= len(data) - kept.stop
        text = decoded(data[kept.start : kept.stop], place, offset_bytes)
    return Piece(text, offset_bytes, end if is_more else None, status.st_size, whole)


def read_whole(file: int, status: os.stat_result, place: Location, max_bytes: int) -> bytes:
    """Return the whole content of an open file.

    Args:
        file: Its descriptor.
        status: What is known of it.
        place: Where it is, for errors.
        max_bytes: How large it may be.

    Raises:
        WorkspaceError: It is larger.
    """
    data = b"" if status.st_size > max_bytes else read_up_to(file, max_bytes + 1)
    if status.st_size > max_bytes or len(data) > max_bytes:
        raise WorkspaceError(
            f"{place} has {max(status.st_size, len(data))} bytes, and this works on files of up to "
            f"{max_bytes} bytes"
        )
    return data


def read_up_to(file: int, limit_bytes: int, offset_bytes: int = 0) -> bytes:
    """Return bytes of an open file; fewer than the limit only at its end.

    Args:
        file: Its descriptor.
        limit_bytes: How many.
        offset_bytes: Where they begin.
    """
    chunks: list[bytes] = []
    while limit_bytes > 0 and (chunk := os.pread(file, limit_bytes, offset_bytes)):
        chunks.append(chunk)
        limit_bytes -= len(chunk)
        offset_bytes += len(chunk)
    return b"".join(chunks)


def whole_characters(data: bytes, *, has_before: bool, has_after: bool) -> slice:
    """Return the part of a piece of UTF-8 that has no cut character at its ends.

    Args:
        data: The piece.
        has_before: Whether bytes of the file come before it.
        has_after: Whether bytes of the file come after it.
    """
    start, stop = 0, len(data)
    if has_before:
        limit = min(_MAX_CONTINUATION_BYTES, stop)
        while start < limit and _continues(data[start]):
            start += 1
    if has_after:
        for back in range(1, min(_MAX_CONTINUATION_BYTES, stop - start) + 1):
            if not _continues(data[stop - back]):
                return slice(start, stop if back >= _length(data[stop - back]) else stop - back)
    return slice(start, stop)


def _continues(byte: int) -> bool:
    return byte & _CONTINUATION_MASK == _CONTINUATION


def _length(first: int) -> int:
    """Return how many bytes the first byte of a character announces; 1 if it announces none."""
    for length, mask, mark in ((2, 0xE0, 0xC0), (3, 0xF0, 0xE0), (4, 0xF8, 0xF0)):
        if first & mask == mark:
            return length
    return 1


def decoded(data: bytes, place: Location, offset_bytes: int = 0) -> str:
    """Return the text of UTF-8, or tell what it is instead.

    Args:
        data: The bytes.
        place: Where they are from, for errors.
        offset_bytes: Where in the file they begin, for errors.

    Raises:
        WorkspaceError: It is binary, or in another encoding.
    """
    if not offset_bytes and data.startswith(_UTF16_MARKS):
        raise _not_text(place, "is text in UTF-16, not in UTF-8")
    zero = data.find(b"\0")
    if zero >= 0:
        raise _not_text(place, f"is binary: it has a NUL byte at {offset_bytes + zero}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = offset_bytes + error.start
        raise _not_text(
            place, f"is not UTF-8: byte 0x{data[error.start]:02x} at {at} cannot be there"
        ) from None


def _not_text(place: Location, what: str) -> WorkspaceError:
    return WorkspaceError(f'{place} {what}; read it with `encoding` "base64"')
