"""A compressed rollout, readable like a plain file.

Promises: memory use is independent of the file size; a damaged file is readable up to the damage.
The last piece and the head stay in memory, so seeking there is free; any other backward seek
decompresses from the start.
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
"""Compressed bytes in the first step of a frame, doubled in each further step: bytes after the
frame's end are copied, and every line may be a separate frame."""

_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 27}
"""Up to 128 MiB for decompression, as with the `zstd` command. Codex's own files need 2 MiB."""

_FREE_BYTES = 1024 * 1024 * 1024
_MOST_TIMES = 1000
"""Rollouts shrink to a third, repetitive rollouts to a hundredth. A ratio above a thousand is an
attack on the machine's memory or disk; up to a gigabyte, the output is harmless."""


class DamagedError(Exception):
    """A compressed rollout cannot be decompressed any further.

    Caught by the reader, so not in the tree of user errors.
    """


def unpacked(file: BinaryIO) -> BinaryIO:
    """Return the content of a compressed file, readable and seekable.

    Methods of the result raise `DamagedError` at the damage.
    """
    return cast("BinaryIO", io.BufferedReader(_Unpacked(file), _PIECE_BYTES))


class _Unpacked(io.RawIOBase):
    """The raw content of a compressed file, below a buffer.

    Attributes:
        _at: Position of the next read.
        _head: The first bytes.
        _last: The last decompressed bytes, enough for a small backward seek.
        _end: End position of `_last`.
        _packed: Compressed bytes read so far.
        _block: The last compressed block.
        _taken: Bytes of `_block` already decompressed.
        _share: Compressed bytes in the next step.
        _frame: The decompressor of the current frame; a file has one or more frames.
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
        """Return the next bytes, if in memory."""
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
        """Decompress the next piece; return False at the end."""
        piece = self._next()
        if not self._end:
            self._head = piece[:_HEAD_BYTES]
        self._end += len(piece)
        self._last += piece
        # A piece may be a single line.
        if len(self._last) > 2 * _PIECE_BYTES:
            del self._last[:-_PIECE_BYTES]
        if self._end > max(_FREE_BYTES, _MOST_TIMES * self._packed):
            raise DamagedError(f"expands to more than {_MOST_TIMES} times the compressed size")
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
                    raise DamagedError("truncated")
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
        """Return the next compressed bytes; empty at the end of the file."""
        if self._taken == len(self._block):
            self._block = self._file.read(_PACKED_BYTES)
            self._packed += len(self._block)
            self._taken = 0
        packed = self._block[self._taken : self._taken + self._share]
        self._taken += len(packed)
        self._share *= 2
        return packed
