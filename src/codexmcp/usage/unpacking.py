"""A compressed rollout as a file that is read as if it were not.

Promises memory that does not depend on the file, and that a damaged one gives what lies before the
damage. What was just read and how it begins stay at hand, so that looking back there is free; to
look anywhere else before is to unpack anew.
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["DamagedError", "unpacked", "zstd"]

_PACKED_BYTES = 256 * 1024
_PIECE_BYTES = 1024 * 1024
_HEAD_BYTES = 4096

_FIRST_BYTES = 4096
"""How much of a frame is unpacked first, each time twice as much from there on: what lies behind
its end comes back as a copy, and there may be a frame for each line."""

_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}
"""Unpacking may hold 128 MiB, as with the `zstd` command. Codex's own files want 2 MiB."""

_FREE_BYTES = 1024 * 1024 * 1024
_MOST_TIMES = 1000
"""Rollouts shrink to a third, repetitive ones to a hundredth. What is a thousand times as much was
made to fill a machine; up to a gigabyte it may do no harm."""


class DamagedError(Exception):
    """A compressed rollout cannot be unpacked any further.

    Caught by whoever reads it, so it is none of the errors that a user meets.
    """


def unpacked(file: BinaryIO) -> BinaryIO:
    """Return what a compressed file holds, to be read and sought in.

    Its methods raise `DamagedError` where it is damaged.
    """
    return cast("BinaryIO", io.BufferedReader(_Unpacked(file), _PIECE_BYTES))


class _Unpacked(io.RawIOBase):
    """What a compressed file holds, as its buffer reads it.

    Attributes:
        _at: Where it is read next.
        _head: How it begins.
        _last: What was unpacked last, at least so much as to look back a little.
        _end: Where that ends.
        _packed: How much of the file it was unpacked from.
        _block: What was read of the file last.
        _taken: How much of that has been unpacked.
        _share: How much is unpacked next.
        _frame: A file is one frame or several.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._head = b""
        self._rewind()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("its length is not known")
        self._at = offset
        return offset

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = self._held(len(buffer))
        while not piece:
            if self._at < self._end:
                self._rewind()
            if not self._unpack():
                return 0
            piece = self._held(len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _held(self, size: int) -> bytes | bytearray:
        """Return what is at hand of the bytes that come next."""
        for data, start in ((self._last, self._end - len(self._last)), (self._head, 0)):
            if start <= self._at < start + len(data):
                return data[self._at - start : self._at - start + size]
        return b""

    def _rewind(self) -> None:
        self._file.seek(0)
        self._frame: zstd.ZstdDecompressor | None = None
        self._packed = self._end = self._taken = 0
        self._share = _FIRST_BYTES
        self._block: bytes = b""
        self._last = bytearray()

    def _unpack(self) -> bool:
        """Unpack the next piece; return whether there was one."""
        piece = self._next()
        if not self._end:
            self._head = piece[:_HEAD_BYTES]
        self._end += len(piece)
        self._last += piece
        # A piece may be a single line.
        if len(self._last) > 2 * _PIECE_BYTES:
            del self._last[:-_PIECE_BYTES]
        if self._end > max(_FREE_BYTES, _MOST_TIMES * self._packed):
            raise DamagedError(f"it unpacks to more than {_MOST_TIMES} times its size")
        return bool(piece)

    def _next(self) -> bytes:
        while True:
            if self._frame is not None and self._frame.eof:
                self._taken -= len(self._frame.unused_data)
                self._share = _FIRST_BYTES
                self._frame = None
            packed = b""
            if self._frame is None or self._frame.needs_input:
                packed = self._take()
                if not packed and (self._frame is not None or not self._packed):
                    raise DamagedError("it is cut off")
                if not packed:
                    return b""
            if self._frame is None:
                self._frame = zstd.ZstdDecompressor(options=_OPTIONS)
            try:
                piece = self._frame.decompress(packed, _PIECE_BYTES)
            except zstd.ZstdError as error:
                raise DamagedError(str(error)) from None
            if piece:
                return piece

    def _take(self) -> bytes:
        """Return what is unpacked next, which is nothing at the end of the file."""
        if self._taken == len(self._block):
            self._block = self._file.read(_PACKED_BYTES)
            self._packed += len(self._block)
            self._taken = 0
        packed = self._block[self._taken : self._taken + self._share]
        self._taken += len(packed)
        self._share *= 2
        return packed
