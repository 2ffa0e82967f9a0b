"""Bounds on a JSON text, checked on the encoded bytes before decoding.

Pure, with cheap imports. Decoding holds Python's lock: 27 MiB with 2.3 million short keys take 2 s
and block all other clients, while a single string of the same size takes 10 ms. So each dimension
has a separate bound, and strings, which are cheap, are not counted.
"""

from __future__ import annotations

from collections.abc import Generator

from codexmcp.data_classes import dataclass
from codexmcp.errors import StructureError

_CHUNK_BYTES = 128 * 1024
_SMALL_BYTES = 64 * 1024
_SIGNS = (b",", b":", b"[", b"{")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on a JSON text.

    Attributes:
        size_bytes: The size.
        parts: The separators and containers: the characters `,`, `:`, `[` and `{` outside strings.
            A key with a value counts twice. The default takes 10 ms to decode and admits a schema
            of 5,000 properties, the limit of OpenAI.
        depth: The nesting. Python's decoder refuses 1,000 levels, and Codex 128.
        bare_bytes: The size without strings, a bound on the digits of numbers.
        escapes: The backslashes in strings. The default takes 40 ms to decode; 16 MiB of source
            code have about 500,000.
    """

    size_bytes: int
    parts: int = 50_000
    depth: int = 250
    bare_bytes: int = 1024 * 1024
    escapes: int = 5_000_000


REQUEST = Bounds(8 * 1024 * 1024)
"""Bounds on a client's message. The longest prompt of Codex, 1,048,576 characters, needs at most
6 MiB, if every character is written as `\\uXXXX`."""


def check(data: bytes, bounds: Bounds) -> None:
    """Refuse a JSON text beyond a bound.

    Args:
        data: JSON in UTF-8, or arbitrary bytes.
        bounds: The bounds.

    Raises:
        StructureError: The text exceeds a bound.
    """
    for _ in checking(data, bounds):
        pass


def checking(data: bytes, bounds: Bounds) -> Generator[None, None, None]:
    """Run `check` in steps of some milliseconds; a caller can run other work between the steps.

    In invalid JSON, at least the part before a decoder's failure is counted.

    Raises:
        StructureError: The text exceeds a bound.
    """
    if len(data) > bounds.size_bytes:
        raise StructureError(f"larger than {bounds.size_bytes:,} bytes")
    if is_small(data, bounds):
        return
    at = parts = quotes = bare_bytes = escapes = depth = 0
    in_text = False
    while at < len(data):
        piece = data[at : at + _CHUNK_BYTES]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            # Do not split an escape.
            piece = data[at : at + _CHUNK_BYTES + 1]
        at += len(piece)
        escapes += piece.count(b"\\")
        if escapes > bounds.escapes:
            raise StructureError(f"more than {bounds.escapes:,} escapes in strings")
        # Backslashes first: an escaped backslash before a quote does not escape the quote.
        plain = piece.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in piece else piece
        quotes += plain.count(b'"')
        # Two strings have at least one separator between them.
        if quotes > 2 * (bounds.parts + 1):
            raise _too_many(bounds)
        pieces = plain.split(b'"')
        outside = b"".join(pieces[in_text::2])
        in_text ^= len(pieces) % 2 == 0
        bare_bytes += len(outside)
        if bare_bytes > bounds.bare_bytes:
            raise StructureError(f"more than {bounds.bare_bytes:,} bytes outside strings")
        parts += sum(map(outside.count, _SIGNS))
        if parts > bounds.parts:
            raise _too_many(bounds)
        for bracket in outside.translate(None, _NO_BRACKETS):
            depth += 1 if bracket in b"[{" else -1
            if depth > bounds.depth:
                raise StructureError(f"nested more than {bounds.depth} levels deep")
        yield


def is_small(data: bytes, bounds: Bounds) -> bool:
    """Return whether a JSON text is short enough to satisfy the bounds without counting."""
    return len(data) <= _SMALL_BYTES and data.count(b"[") + data.count(b"{") <= bounds.depth


def _too_many(bounds: Bounds) -> StructureError:
    return StructureError(
        f"more than {bounds.parts:,} separators, arrays and objects "
        f"({bounds.parts // 2:,} keys with values)"
    )
