"""Byte streams over a child's pipes and over this process's own stdin and stdout.

Promises that a write never blocks the event loop on a pipe or a socket. An event loop cannot wait
for a file or a terminal: these are written at once, and block it for as long as the write takes.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading

from codexmcp.errors import ConfigurationError

READ_BYTES = 256 * 1024
"""Bytes taken from a pipe at once; a burst of small messages is then one wake-up."""


class PipeStream:
    """The byte stream of a reader and a writer of asyncio, such as a child's pipes."""

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
        """Take bytes for the peer; they are dropped once it has closed its end."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        """Wait until the bytes held back are few; returns at once when the peer is gone."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return


class StdioStream:
    """This process's stdin and stdout as a byte stream.

    File descriptor 1 is pointed at stderr while the stream lives, so that a stray `print`, or a
    child that inherits stdout, cannot tear the protocol. Regular files and terminals, which an
    event loop cannot poll, are read by a thread.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: _Writer) -> None:
        self._reader = reader
        self._writer = writer
        self.error: OSError | None = None
        """Why stdout could not be written to; the stream has ended then."""

    @classmethod
    async def open(cls) -> StdioStream:
        """Take over stdin and stdout. Call once per process.

        Raises:
            ConfigurationError: One of them is closed.
        """
        if sys.stdin is None or sys.stdout is None or sys.stderr is None:
            raise ConfigurationError(
                "stdin, stdout or stderr is closed, and an MCP client is expected there; start "
                "this from a client, or with the three of them open"
            )
        output_fd = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(await _open_reader(sys.stdin.fileno()), await _open_writer(output_fd))

    async def read(self) -> bytes:
        """Return the next bytes of stdin; empty at its end."""
        return await self._reader.read(READ_BYTES)

    def write(self, data: bytes) -> None:
        """Take bytes for stdout; they are dropped once the reader of stdout is gone."""
        if self.error is not None:
            return
        try:
            self._writer.write(data)
        except OSError as error:
            # Nobody can be answered any more, so nothing more is read.
            self.error = error
            self._reader.feed_eof()

    async def drain(self) -> None:
        """Wait until the bytes held back are few; returns at once when the reader is gone."""
        await self._writer.drain()

    async def flush(self) -> None:
        """Wait until every byte has been given to the operating system."""
        await self._writer.flush()


class _Writer:
    """Writes to a descriptor: through the event loop where it can be polled, else at once.

    What is written to a pipe in one go of the loop leaves in one system call, which a burst of
    small messages is a third faster for.
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


async def _open_reader(fd: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=READ_BYTES)
    loop = asyncio.get_running_loop()
    if _can_be_polled(fd):
        protocol = asyncio.StreamReaderProtocol(reader)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(fd), "rb", buffering=0))
    else:
        # A daemon thread, because one that waits in read() cannot be told to stop.
        threading.Thread(target=_feed, args=(fd, reader, loop), daemon=True).start()
    return reader


async def _open_writer(fd: int) -> _Writer:
    if not _can_be_polled(fd):
        return _Writer(fd, None)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(fd, "wb", buffering=0)
    )
    return _Writer(fd, asyncio.StreamWriter(transport, protocol, None, loop))


def _can_be_polled(fd: int) -> bool:
    # Terminals could be polled too, but making one non-blocking changes it for the user's shell.
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _feed(fd: int, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    while data := os.read(fd, READ_BYTES):
        loop.call_soon_threadsafe(reader.feed_data, data)
    loop.call_soon_threadsafe(reader.feed_eof)
