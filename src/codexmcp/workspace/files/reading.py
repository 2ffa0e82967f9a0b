"""Read files: a part, or the whole within a bound.

Memory is bounded by the requested size, for files of any size.
"""

from __future__ import annotations

import base64
import hashlib
import os

from codexmcp.data_classes import dataclass
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
        offset_bytes: The start in the file.
        next_offset_bytes: The start of the rest; None at the end.
        size_bytes: The size of the whole file.
        sha256: The digest of the whole file, in hexadecimal; None for a part.
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
        offset_bytes: The start. The rest of a split character of text is omitted.
        limit_bytes: Bound on the size, at least 4: a character must fit.
        encoding: `utf-8` or `base64`.

    Raises:
        WorkspaceError: The file is not readable, or requested as text and not text.
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
    """Return the whole contents of an open file.

    Args:
        file: The descriptor.
        status: The file's status.
        place: The location, for errors.
        max_bytes: Bound on the size.

    Raises:
        WorkspaceError: The file is larger.
    """
    data = b"" if status.st_size > max_bytes else read_up_to(file, max_bytes + 1)
    if status.st_size > max_bytes or len(data) > max_bytes:
        raise WorkspaceError(
            f"{place} has {max(status.st_size, len(data))} bytes, and this works on files of up to "
            f"{max_bytes} bytes"
        )
    return data


def read_up_to(file: int, limit_bytes: int, offset_bytes: int = 0) -> bytes:
    """Return bytes of an open file; fewer than the limit only at its end."""
    chunks: list[bytes] = []
    while limit_bytes > 0 and (chunk := os.pread(file, limit_bytes, offset_bytes)):
        chunks.append(chunk)
        limit_bytes -= len(chunk)
        offset_bytes += len(chunk)
    return b"".join(chunks)


def whole_characters(data: bytes, *, has_before: bool, has_after: bool) -> slice:
    """Return the part of a piece of UTF-8 without split characters at its ends.

    Args:
        data: The piece.
        has_before: Bytes of the file precede the piece.
        has_after: Bytes of the file follow the piece.
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
    """Return the length of a UTF-8 character from its first byte; 1 for an invalid byte."""
    for length, mask, mark in ((2, 0xE0, 0xC0), (3, 0xF0, 0xE0), (4, 0xF8, 0xF0)):
        if first & mask == mark:
            return length
    return 1


def decoded(data: bytes, place: Location, offset_bytes: int = 0) -> str:
    """Return decoded UTF-8, or report the actual format.

    Args:
        data: The bytes.
        place: The file, for errors.
        offset_bytes: The start in the file, for errors.

    Raises:
        WorkspaceError: The file is binary, or in another encoding.
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
