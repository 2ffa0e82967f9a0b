"""The forwarder between a client and an upstream, on real sockets, in this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest

from codexmcp.codex.forwarder import exchange, serving
from codexmcp.testing import HTTPError, ScriptedModel, Text, unreachable_base_url
from tests.support.forwarders import KEY, Forwarding, forwarder, read_request, upstream

BOUND_S = 20.0
BODY = {"model": "m", "input": "hi"}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=BOUND_S)


async def answer_of(forwarding: Forwarding, **more: str) -> httpx.Response:
    async with client() as http:
        return await http.post(forwarding.url, json=BODY, headers=more)


@pytest.mark.parametrize("key", ["sk-a_b", KEY, "eyJh.eyJz.c2ln", "a~b|c^d`e%f!g#h$i&j'k*l"])
async def test_any_key_of_the_grammar_reaches_the_upstream_alone(key: str) -> None:
    async with ScriptedModel([Text("hi")], surface=None) as model:
        with forwarder(model.base_url, key=key) as forwarding:
            # What a client has as its own key is replaced.
            answer = await answer_of(forwarding, Authorization="Bearer other", originator="codex")
        (request,) = model.requests
    assert answer.status_code == 200
    assert request.headers["authorization"] == f"Bearer {key}"
    assert request.headers["host"] in model.base_url
    assert (request.path, request.headers["originator"]) == ("/v1/responses", "codex")
    assert (request.body, forwarding.told) == (BODY, [])


async def test_a_piece_is_passed_on_before_the_next_one_comes() -> None:
    seen = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(CHUNKED + b"1\r\na\r\n")
        await seen.wait()
        writer.write(b"1\r\nb\r\n0\r\n\r\n")
        await writer.drain()

    async with upstream(serve) as base_url, client() as http:
        with forwarder(base_url) as forwarding:
            async with http.stream("POST", forwarding.url, json=BODY) as answer:
                pieces = answer.aiter_raw()
                assert await anext(pieces) == b"a"
                seen.set()
                assert [piece async for piece in pieces] == [b"b"]


@pytest.mark.parametrize(
    "begun",
    [CHUNKED + b"4\r\nhalf\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    ids=["chunked", "sized"],
)
@pytest.mark.parametrize("is_reset", [True, False])
async def test_an_answer_that_breaks_off_breaks_off(begun: bytes, *, is_reset: bool) -> None:
    seen = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(begun)
        await seen.wait()
        if is_reset:
            linger = struct.pack("ii", 1, 0)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with upstream(serve) as base_url, client() as http:
        with forwarder(base_url) as forwarding:
            async with http.stream("POST", forwarding.url, json=BODY) as answer:
                pieces = answer.aiter_raw()
                assert await anext(pieces) == b"half"
                seen.set()
                with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
                    await anext(pieces)
            (told,) = forwarding.told
    assert told.startswith(f"{base_url} broke off its answer: ")


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")

    async with upstream(serve) as base_url:
        with forwarder(base_url) as forwarding:
            assert (await answer_of(forwarding)).text == "whole"
            assert forwarding.told == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_retry_advice_and_errors_pass_untouched(status: int) -> None:
    fault = HTTPError(status, "slow down", headers={"Retry-After": "7", "X-Request-Id": "r1"})
    async with ScriptedModel([fault], surface=None) as model:
        with forwarder(model.base_url) as forwarding:
            answer = await answer_of(forwarding)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert answer.headers["x-request-id"] == "r1"
    assert answer.json()["error"]["message"] == "slow down"


async def test_an_upstream_that_cannot_be_reached_is_named() -> None:
    away = unreachable_base_url()
    with forwarder(away) as forwarding:
        answer = await answer_of(forwarding)
    assert answer.status_code == 502
    reason = f"cannot reach {away}: Connection refused; check OPENAI_BASE_URL and the network"
    assert (answer.json()["error"]["message"], forwarding.told) == (reason, [reason])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "gave no answer: it closed the connection"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "gave no answer: "),
        (
            b"HTTP/1.1 308 Moved\r\nLocation: https://else.where/\r\nContent-Length: 0\r\n\r\n",
            "redirects to https://else.where/, and the key is not sent there",
        ),
    ],
)
async def test_an_upstream_that_does_not_answer_is_named(said: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(said)

    async with upstream(serve) as base_url:
        with forwarder(base_url) as forwarding:
            answer = await answer_of(forwarding)
    assert answer.status_code == 502
    assert answer.json()["error"]["message"].startswith(f"{base_url} {words}")


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /v1/responses HTTP/1.1", "Host: 127.0.0.1:1", 403),
        ("POST /v1/models HTTP/1.1", "Host: 127.0.0.1:1", 403),
        ("POST /v1/responses?x HTTP/1.1", "Host: 127.0.0.1:1", 403),
        ("POST http://api.example/v1/responses HTTP/1.1", "Host: 127.0.0.1:1", 403),
        ("CONNECT api.example:443 HTTP/1.1", "Host: 127.0.0.1:1", 403),
        ("POST /v1/responses HTTP/1.1", "Host: api.example", 403),
        ("POST /v1/responses HTTP/1.1", "Host: 127.0.0.1.evil.example", 403),
        ("POST /v1/responses HTTP/1.1", "Host: localhost\r\nOrigin: http://evil.example", 403),
        ("POST /v1/responses HTTP/1.1", "Host: localhost\r\nSec-Fetch-Site: cross-site", 403),
        ("POST /v1/responses HTTP/1.0", "Host: localhost", 505),
        ("POST /v1/responses HTTP/1.1", "Host: localhost\r\nContent-Length: 9999999999", 413),
    ],
)
async def test_other_requests_are_refused(request_line: str, headers: str, status: int) -> None:
    async with ScriptedModel([Text("hi")], surface=None) as model:
        with forwarder(model.base_url) as forwarding:
            reader, writer = await asyncio.open_connection("127.0.0.1", forwarding.port)
            writer.write(f"{request_line}\r\n{headers}\r\n\r\n".encode())
            writer.write_eof()
            line = await reader.readline()
            writer.close()
        assert model.requests == []
    assert line.split()[1] == str(status).encode()


async def test_a_refused_request_is_the_last_of_its_connection() -> None:
    # The rest of it is not read: another one behind it would be lost.
    with forwarder(unreachable_base_url()) as forwarding:
        async with client() as http:
            for _ in range(3):
                answer = await http.post(f"{forwarding.url}/other", json=BODY)
                assert (answer.status_code, answer.headers["connection"]) == (403, "close")


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_request_beyond_the_bound_is_refused(
    monkeypatch: pytest.MonkeyPatch, *, is_chunked: bool
) -> None:
    monkeypatch.setattr(exchange, "MAX_BODY_BYTES", 1000)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(serve) as base_url, client() as http:
        with forwarder(base_url) as forwarding:
            content = pieces() if is_chunked else b"x" * 10_000
            answer = await http.post(forwarding.url, content=content)
    assert answer.status_code == 413


async def test_more_connections_than_the_bound_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 1)
    async with ScriptedModel([Text("hi")], surface=None) as model, client() as http:
        with forwarder(model.base_url) as forwarding:
            # Its connection is kept.
            assert (await http.post(forwarding.url, json=BODY)).status_code == 200
            answer = await answer_of(forwarding)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_the_upstream_is_left_when_the_client_leaves() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        assert await reader.read() == b""
        left.set()

    async with upstream(serve) as base_url:
        with forwarder(base_url) as forwarding:
            asking = asyncio.create_task(answer_of(forwarding))
            async with asyncio.timeout(BOUND_S):
                await asked.wait()
                asking.cancel()
                await left.wait()
            with contextlib.suppress(asyncio.CancelledError):
                await asking


@pytest.mark.parametrize("closes", [True, False])
async def test_a_connection_to_the_upstream_is_kept_unless_it_has_been_closed(
    *, closes: bool
) -> None:
    connections = 0
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            if closes:
                break
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with upstream(serve) as base_url, client() as http:
        with forwarder(base_url) as forwarding:
            assert (await http.post(forwarding.url, json=BODY)).text == "hi"
            if closes:
                await closed.wait()
            assert (await http.post(forwarding.url, json=BODY)).text == "hi"
    assert connections == (2 if closes else 1)
