"""The model server's HTTP: routes, limits, and its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from codexmcp.testing import Message, ModelServer, Reply, Stall

BOUND_S = 10.0
HI = Reply((Message("hi"),))


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(lambda _request: HI, keep=2, body_limit_bytes=10_000) as server:
        yield server


@pytest.fixture
async def http(server: ModelServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base_url, timeout=BOUND_S) as client:
        yield client


async def exchange(server: ModelServer, data: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    port = urlsplit(server.base_url).port
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def head(length: int, *lines: str) -> bytes:
    fixed = ("POST /v1/responses HTTP/1.1", "host: x", f"content-length: {length}")
    return "\r\n".join((*fixed, *lines, "", "")).encode()


async def test_any_prefix_and_query_lead_to_the_responses(
    server: ModelServer, http: httpx.AsyncClient
) -> None:
    for path in ("/v1/responses", "/responses", "/some/proxy/v1/responses?api-version=1"):
        root = server.base_url.removesuffix("/v1")
        assert (await http.post(f"{root}{path}", json={})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/responses"), ("POST", "/chat/completions"), ("DELETE", "/")]
)
async def test_anything_else_is_not_found(
    http: httpx.AsyncClient, server: ModelServer, method: str, path: str
) -> None:
    response = await http.request(method, path)
    assert response.status_code == 404
    assert method in response.json()["error"]["message"]
    assert server.request_count == 0


async def test_a_websocket_upgrade_is_sent_to_http(http: httpx.AsyncClient) -> None:
    headers = {"connection": "upgrade", "upgrade": "websocket"}
    assert (await http.get("/responses", headers=headers)).status_code == 426


async def test_requests_are_recorded_and_the_oldest_forgotten(
    server: ModelServer, http: httpx.AsyncClient
) -> None:
    for number in range(3):
        await http.post("/responses", json={"n": number}, headers={"X-Test": str(number)})
    assert server.request_count == 3
    assert [request.body["n"] for request in server.requests] == [1, 2]
    last = server.requests[-1]
    assert (last.method, last.path, last.headers["x-test"]) == ("POST", "/v1/responses", "2")


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b"\xff", b"[" * 5000])
async def test_a_body_that_is_no_json_object_is_a_bad_request(
    server: ModelServer, http: httpx.AsyncClient, body: bytes
) -> None:
    assert (await http.post("/responses", content=body)).status_code == 400
    assert server.request_count == 0


async def test_a_compressed_body_is_an_unsupported_media_type(http: httpx.AsyncClient) -> None:
    response = await http.post("/responses", content=b"x", headers={"content-encoding": "zstd"})
    assert response.status_code == 415


async def test_a_body_over_the_limit_is_refused_before_it_is_read(server: ModelServer) -> None:
    answer = await exchange(server, head(10_001))
    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_client_that_sends_too_much_still_reads_the_refusal(
    http: httpx.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    assert (await http.post("/responses", content=endless())).status_code == 413


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: ModelServer) -> None:
    port = urlsplit(server.base_url).port
    async with asyncio.timeout(BOUND_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(2, "expect: 100-continue", "connection: close"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"{}")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


async def test_what_is_not_http_gets_a_bad_request(server: ModelServer) -> None:
    assert (await exchange(server, b"\x16\x03\x01 hello\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_pipelined_requests_are_answered_in_order(server: ModelServer) -> None:
    bodies = [json.dumps({"n": number}).encode() for number in range(3)]
    sent = [head(len(body)) + body for body in bodies[:-1]]
    sent.append(head(len(bodies[-1]), "connection: close") + bodies[-1])
    answer = await exchange(server, b"".join(sent))
    assert answer.count(b"HTTP/1.1 200") == 3


async def test_a_response_arrives_well_under_a_hundredth_of_a_second(
    http: httpx.AsyncClient,
) -> None:
    loop = asyncio.get_running_loop()
    spent = []
    for _ in range(20):
        started = loop.time()
        await http.post("/responses", json={"stream": True})
        spent.append(loop.time() - started)
    assert min(spent) < 0.01


async def test_waiting_for_a_request_that_never_comes_is_bounded(server: ModelServer) -> None:
    with pytest.raises(TimeoutError):
        await server.wait_for_requests(1, timeout_s=0.01)


async def test_closing_leaves_no_task_and_no_listener() -> None:
    before = asyncio.all_tasks()
    async with asyncio.timeout(BOUND_S), httpx.AsyncClient() as client:
        async with ModelServer(lambda _request: Stall()) as server:
            url = f"{server.base_url}/responses"
            waiting = [asyncio.ensure_future(client.post(url, json={})) for _ in range(5)]
            await server.wait_for_requests(5)
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, httpx.TransportError)
        assert asyncio.all_tasks() == before
        with pytest.raises(httpx.ConnectError):
            await client.post(url, json={})


async def test_closing_does_not_wait_for_a_client_that_does_not_read() -> None:
    flood = Reply((Message("word " * 400_000, 5),))
    async with asyncio.timeout(BOUND_S), ModelServer(lambda _request: flood) as server:
        port = urlsplit(server.base_url).port
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"stream": true}'
        writer.write(head(len(body)) + body)
        await server.wait_for_requests(1)
    writer.close()
