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

_PACKED_BYTES = 256 * 1024
_PIECE_BYTES = 1024 * 1024
_HEAD_BYTES = 4096

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

    def _held(self, size: int) -> memoryview:
        """Return what is at hand of the bytes that come next."""
        for data, start in ((self._last, self._end - len(self._last)), (self._head, 0)):
            if start <= self._at < start + len(data):
                return memoryview(data)[self._at - start :][:size]
        return memoryview(b"")

    def _rewind(self) -> None:
        self._file.seek(0)
        self._frame: zstd.ZstdDecompressor | None = None
        self._packed = self._end = 0
        self._last = b""

    def _unpack(self) -> bool:
        """Unpack the next piece; return whether there was one."""
        piece = self._next()
        if not self._end:
            self._head = piece[:_HEAD_BYTES]
        self._end += len(piece)
        self._last = self._last[-_PIECE_BYTES:] + piece
        if self._end > max(_FREE_BYTES, _MOST_TIMES * self._packed):
            raise DamagedError(f"it unpacks to more than {_MOST_TIMES} times its size")
        return bool(piece)

    def _next(self) -> bytes:
        while True:
            packed = b""
            if self._frame is None or self._frame.eof:
                packed = (self._frame and self._frame.unused_data) or self._read()
                if not packed and self._packed:
                    return b""
                self._frame = zstd.ZstdDecompressor(options=_OPTIONS)
            elif self._frame.needs_input:
                packed = self._read()
            if not packed and self._frame.needs_input:
                raise DamagedError("it is cut off")
            try:
                piece = self._frame.decompress(packed, _PIECE_BYTES)
            except zstd.ZstdError as error:
                raise DamagedError(str(error)) from None
            if piece:
                return piece

    def _read(self) -> bytes:
        packed = self._file.read(_PACKED_BYTES)
        self._packed += len(packed)
        return packed
