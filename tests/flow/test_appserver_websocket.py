"""The byte stream over a WebSocket, with a server that is not ours."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed

from codexmcp.appserver.websocket import WebSocketStream
from codexmcp.errors import AppServerClosedError, ProtocolError

BOUND_S = 10.0
MIB = 1024 * 1024

Serve = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def stream_to(
    serve: Serve, folder: Path, *, max_message_bytes: int = MIB
) -> AsyncIterator[WebSocketStream]:
    """Give a stream to a WebSocket server that handles each connection by `serve`."""
    path = folder / "s"
    server = await unix_serve(serve, str(path), compression=None, close_timeout=0.1)
    try:
        stream = await WebSocketStream.open(path, max_message_bytes=max_message_bytes)
        try:
            yield stream
        finally:
            await stream.close()
    finally:
        server.close()
        await asyncio.wait_for(server.wait_closed(), BOUND_S)


async def echo(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


async def lines_of(stream: WebSocketStream, count: int) -> list[bytes]:
    """Read until so many lines have come."""
    data = b""
    async with asyncio.timeout(BOUND_S):
        while data.count(b"\n") < count:
            piece = await stream.read()
            assert piece, "the stream ended early"
            data += piece
    return data.splitlines()


async def end_of(stream: WebSocketStream) -> None:
    """Read until the end of the stream."""
    async with asyncio.timeout(BOUND_S):
        while await stream.read():
            pass


async def test_each_line_leaves_as_one_text_message(tmp_path: Path) -> None:
    got: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def keep(peer: ServerConnection) -> None:
        async for message in peer:
            got.put_nowait(message)

    async with stream_to(keep, tmp_path) as stream, asyncio.timeout(BOUND_S):
        stream.write(b'{"id":1}\n{"id":2}\n')
        stream.write("{“ü”}\n".encode())
        assert [await got.get() for _ in range(3)] == ['{"id":1}', '{"id":2}', "{“ü”}"]


async def test_a_burst_of_messages_is_read_in_few_pieces(tmp_path: Path) -> None:
    count = 2000

    async def burst(peer: ServerConnection) -> None:
        for number in range(count):
            await peer.send(f'{{"n":{number}}}')
        await peer.wait_closed()

    async with stream_to(burst, tmp_path) as stream:
        lines = await lines_of(stream, count)
    assert lines == [b'{"n":%d}' % number for number in range(count)]


async def test_a_message_in_fragments_is_one_line(tmp_path: Path) -> None:
    async def fragments(peer: ServerConnection) -> None:
        await peer.send(['{"a":1,', "\n", '"b":2}'])
        await peer.send("{}")
        await peer.wait_closed()

    async with stream_to(fragments, tmp_path) as stream:
        assert await lines_of(stream, 2) == [b'{"a":1, "b":2}', b"{}"]


@given(st.lists(st.binary(max_size=300).filter(lambda data: b"\n" not in data), max_size=20))
def test_what_is_written_comes_back_in_order(messages: list[bytes]) -> None:
    lines = [message.hex().encode() for message in messages if message]

    async def there_and_back() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            async with stream_to(echo, Path(folder)) as stream:
                stream.write(b"".join(line + b"\n" for line in lines))
                await stream.drain()
                return await lines_of(stream, len(lines))

    assert asyncio.run(there_and_back()) == lines


async def test_the_end_comes_after_everything_that_was_sent(tmp_path: Path) -> None:
    async def last_word(peer: ServerConnection) -> None:
        await peer.send("{}")
        await peer.close()

    async with stream_to(last_word, tmp_path) as stream:
        assert await lines_of(stream, 1) == [b"{}"]
        await end_of(stream)
        stream.write(b"nobody is there\n")
        await asyncio.wait_for(stream.drain(), BOUND_S)
        await end_of(stream)


async def test_a_peer_that_dies_is_the_end_of_the_stream(tmp_path: Path) -> None:
    async def die(peer: ServerConnection) -> None:
        peer.transport.abort()

    async with stream_to(die, tmp_path) as stream:
        await end_of(stream)


async def test_a_message_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    async def flood(peer: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await peer.send("x" * 2000)
        await peer.wait_closed()

    async with stream_to(flood, tmp_path, max_message_bytes=1000) as stream:
        with pytest.raises(ProtocolError, match="broke off"):
            await asyncio.wait_for(stream.read(), BOUND_S)


async def test_a_ping_is_answered_while_nothing_is_said(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def ping(peer: ServerConnection) -> None:
        await (await peer.ping())
        answered.set()
        await peer.wait_closed()

    async with stream_to(ping, tmp_path) as stream:
        reading = asyncio.create_task(stream.read())
        await asyncio.wait_for(answered.wait(), BOUND_S)
        reading.cancel()
        await asyncio.wait({reading})


async def test_draining_waits_for_a_peer_that_reads_slowly(tmp_path: Path) -> None:
    may_read = asyncio.Event()

    async def late(peer: ServerConnection) -> None:
        await may_read.wait()
        async for _ in peer:
            pass

    async with stream_to(late, tmp_path) as stream:
        for _ in range(64):
            stream.write(b"x" * 100_000 + b"\n")
        draining = asyncio.create_task(stream.drain())
        await asyncio.wait({draining}, timeout=0.1)
        assert not draining.done()
        may_read.set()
        await asyncio.wait_for(draining, BOUND_S)


async def test_closing_does_not_wait_for_a_peer_that_never_reads(tmp_path: Path) -> None:
    done = asyncio.Event()

    async def deaf(peer: ServerConnection) -> None:
        peer.transport.pause_reading()
        await done.wait()

    async with stream_to(deaf, tmp_path) as stream:
        for _ in range(64):
            stream.write(b"x" * 100_000 + b"\n")
        await asyncio.wait_for(stream.close(), BOUND_S)
        done.set()


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await WebSocketStream.open(tmp_path / "s")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\n\r\n", b'{"id":0}\n', b""])
async def test_a_server_that_speaks_something_else_is_named(tmp_path: Path, answer: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(other, tmp_path / "s"):
        with pytest.raises(AppServerClosedError, match="is not an app-server") as caught:
            await asyncio.wait_for(WebSocketStream.open(tmp_path / "s"), BOUND_S)
    assert str(tmp_path / "s") in str(caught.value)


async def test_a_server_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    async with await asyncio.start_unix_server(silent, tmp_path / "s"):
        with pytest.raises(AppServerClosedError, match=r"within 0\.05 s"):
            await WebSocketStream.open(tmp_path / "s", timeout_s=0.05)
        await asyncio.wait_for(hung_up.wait(), BOUND_S)
