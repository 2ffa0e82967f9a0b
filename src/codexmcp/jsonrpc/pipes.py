"""Byte streams over a child's pipes and over this process's stdin and stdout.

Promises: a write to a pipe or a socket never blocks the event loop. An event loop cannot poll a
file or a terminal: a write to these is synchronous and blocks the loop for its duration.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading

READ_BYTES = 256 * 1024
"""Bytes read from a pipe at once: a burst of small messages is a single wake-up."""


class PipeStream:
    """A byte stream over an asyncio reader and writer, for example a child's pipes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Return the next bytes; empty at the end of the stream."""
        try:
            return await self._reader.read(READ_BYTES)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        """Queue bytes for the peer; dropped after the peer has closed its end."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the write buffer is small; return at once if the peer is gone."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return


class StdioStream:
    """This process's stdin and stdout as a byte stream.

    File descriptor 1 points to stderr during the stream's life, so a stray `print`, or a child with
    the inherited stdout, cannot corrupt the protocol. Regular files and terminals cannot be polled
    by an event loop; a thread reads them.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: _Writer) -> None:
        self._reader = reader
        self._writer = writer
        self.error: OSError | None = None
        """The error of a failed write to stdout. The stream has ended. None: no failure."""

    @classmethod
    async def open(cls, received: bytes = b"") -> StdioStream:
        """Take over stdin and stdout. Call once per process, after `expect_client`.

        Args:
            received: Bytes of stdin that were read already.
        """
        output_fd = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        reader = asyncio.StreamReader(limit=READ_BYTES)
        reader.feed_data(received)
        await _read_into(reader, sys.stdin.fileno())
        return cls(reader, await _open_writer(output_fd))

    async def read(self) -> bytes:
        """Return the next bytes of stdin; empty at the end of stdin."""
        return await self._reader.read(READ_BYTES)

    def write(self, data: bytes) -> None:
        """Queue bytes for stdout; dropped after the reader of stdout is gone."""
        if self.error is not None:
            return
        try:
            self._writer.write(data)
        except OSError as error:
            # No answer can be sent any more, so reading ends.
            self.error = error
            self._reader.feed_eof()

    async def drain(self) -> None:
        """Wait until the write buffer is small; return at once if the reader is gone."""
        await self._writer.drain()

    async def flush(self) -> None:
        """Wait until the operating system has accepted every byte."""
        await self._writer.flush()


class _Writer:
    """Writes to a descriptor: through the event loop if pollable, else synchronously.

    All writes to a pipe within one iteration of the loop leave in one system call, which makes a
    burst of small messages faster by a third.
    """

    def __init__(self, fd: int, pipe: asyncio.StreamWriter | None) -> None:
        self._fd = fd
        self._pipe = pipe
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self._pipe is None:
            _write_all(self._fd, data)
            return
        if not self._held:
            asyncio.get_running_loop().call_soon(self._release)
        self._held.append(data)

    def _release(self) -> None:
        held = b"".join(self._held)
        self._held.clear()
        if held and self._pipe is not None and not self._pipe.is_closing():
            self._pipe.write(held)

    async def drain(self) -> None:
        if self._pipe is None:
            return
        self._release()
        try:
            await self._pipe.drain()
        except ConnectionError:
            return

    async def flush(self) -> None:
        if self._pipe is None:
            return
        self._pipe.transport.set_write_buffer_limits(high=0)
        await self.drain()


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except BrokenPipeError:
        return


async def _read_into(reader: asyncio.StreamReader, fd: int) -> None:
    loop = asyncio.get_running_loop()
    if _can_be_polled(fd):
        protocol = asyncio.StreamReaderProtocol(reader)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(fd), "rb", buffering=0))
    else:
        # A daemon thread, because a thread blocked in read() cannot be stopped.
        threading.Thread(target=_feed, args=(fd, reader, loop), daemon=True).start()


async def _open_writer(fd: int) -> _Writer:
    if not _can_be_polled(fd):
        return _Writer(fd, None)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(fd, "wb", buffering=0)
    )
    return _Writer(fd, asyncio.StreamWriter(transport, protocol, None, loop))


def _can_be_polled(fd: int) -> bool:
    # A terminal can be polled too, but O_NONBLOCK would also hold for the user's shell.
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _feed(fd: int, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    while data := os.read(fd, READ_BYTES):
        loop.call_soon_threadsafe(reader.feed_data, data)
    loop.call_soon_threadsafe(reader.feed_eof)
