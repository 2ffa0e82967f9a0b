"""Every fault of the test kit, as a client meets it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import httpx2 as httpx
import openai
import pytest

from codexmcp.testing import (
    Cut,
    Delay,
    Deltas,
    HTTPError,
    ModelServer,
    Nonsense,
    Outcome,
    Paced,
    Reset,
    ScriptedModel,
    Stall,
    Text,
    unreachable_base_url,
)
from tests.support.processes import until

BOUND_S = 10.0


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=BOUND_S) as client:
        yield client


async def post(http: httpx.AsyncClient, model: ModelServer, *, stream: bool) -> httpx.Response:
    body = {"model": "any", "input": "hi", "stream": stream}
    return await http.post(f"{model.base_url}/responses", json=body)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_an_http_error_has_openais_form(status: int) -> None:
    script = [HTTPError(status, "no", type="t", code="c", headers={"x-why": "test"})]
    async with ScriptedModel(script) as model:
        client = openai.AsyncOpenAI(base_url=model.base_url, api_key="x", max_retries=0)
        with pytest.raises(openai.APIStatusError) as caught:
            await client.responses.create(model="any", input="hi")
        await client.close()
    assert caught.value.status_code == status
    assert caught.value.body == {"message": "no", "type": "t", "code": "c"}
    assert caught.value.response.headers["x-why"] == "test"


@pytest.mark.parametrize(
    ("body", "sent"), [({"detail": "x"}, b'{"detail":"x"}'), (b"<html>", b"<html>")]
)
async def test_an_http_errors_body_can_be_replaced(
    http: httpx.AsyncClient, body: dict[str, str] | bytes, sent: bytes
) -> None:
    async with ScriptedModel([HTTPError(502, body=body)]) as model:
        response = await post(http, model, stream=True)
    assert (response.status_code, response.content) == (502, sent)


async def test_a_delay_is_followed_by_the_answer(http: httpx.AsyncClient) -> None:
    async with ScriptedModel([Delay(0.01, then=HTTPError(418))]) as model:
        assert (await post(http, model, stream=True)).status_code == 418


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", [Cut(), Cut(0), Stall(0.01, after_events=2)])
async def test_an_answer_that_breaks_off_is_a_protocol_error(
    http: httpx.AsyncClient,
    fault: Outcome,
    stream: bool,  # noqa: FBT001
) -> None:
    async with ScriptedModel([fault]) as model:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await post(http, model, stream=stream)


async def test_a_cut_stream_carries_exactly_the_events_before_the_cut(
    http: httpx.AsyncClient,
) -> None:
    seen = list[bytes]()

    async def collect(response: httpx.Response) -> None:
        async for chunk in response.aiter_bytes():
            seen.append(chunk)

    async with ScriptedModel([Cut(after_events=2)]) as model:
        url, body = f"{model.base_url}/responses", {"stream": True}
        async with http.stream("POST", url, json=body) as response:
            with pytest.raises(httpx.RemoteProtocolError):
                await collect(response)
    assert b"".join(seen).count(b"event: ") == 2


async def test_a_stall_without_an_answer_ends_in_a_closed_connection(
    http: httpx.AsyncClient,
) -> None:
    async with ScriptedModel([Stall(0.01)]) as model:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await post(http, model, stream=True)


async def test_closing_the_server_ends_a_stall_without_end(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(BOUND_S):
        async with ScriptedModel([Stall()]) as model:
            waiting = asyncio.ensure_future(post(http, model, stream=True))
            await model.wait_for_requests(1)
        with pytest.raises(httpx.TransportError):
            await waiting


async def test_a_client_that_hangs_up_ends_a_delay() -> None:
    async with (
        asyncio.timeout(BOUND_S),
        ScriptedModel([Delay(3600, then=Text("late"))]) as model,
        httpx.AsyncClient() as impatient,
    ):
        waiting = asyncio.create_task(post(impatient, model, stream=False))
        await model.wait_for_requests(1)
        waiting.cancel()
        await asyncio.wait({waiting})
        await until(lambda: not model._connections, "the delay ends")


async def test_a_paced_answer_takes_its_time_and_comes_whole(http: httpx.AsyncClient) -> None:
    seconds, paced = 0.1, Paced(0.1, of=Deltas("so ", 20))
    async with ScriptedModel([paced, paced]) as model:
        started = time.monotonic()
        streamed = await post(http, model, stream=True)
        assert time.monotonic() - started >= seconds
        whole = await post(http, model, stream=False)
        assert time.monotonic() - started >= 2 * seconds
    assert streamed.text.count('"delta":"so "') == 20
    assert "response.completed" in streamed.text
    assert whole.json()["output"][0]["content"][0]["text"] == "so " * 20


async def test_a_client_that_hangs_up_ends_a_paced_answer() -> None:
    async with asyncio.timeout(BOUND_S), ScriptedModel([Paced(60.0, Deltas("so ", 3000))]) as model:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(model.base_url).port)
        head = b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n"
        writer.write(head + b'{"stream":true}')
        await model.wait_for_requests(1)
        writer.close()
        await until(lambda: not model._connections, "the delivery ends")


async def test_a_reset_is_a_tcp_reset() -> None:
    async with asyncio.timeout(BOUND_S), ScriptedModel([Reset()]) as model:
        port = urlsplit(model.base_url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_nonsense_is_no_http(http: httpx.AsyncClient) -> None:
    async with ScriptedModel([Nonsense(b"\x00\x01 what?\r\n\r\n")]) as model:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(http, model, stream=True)


async def test_nonsense_as_events_is_a_good_response_with_a_bad_body(
    http: httpx.AsyncClient,
) -> None:
    async with ScriptedModel([Nonsense(b"data: {oops\n\n", as_events=True)]) as model:
        response = await post(http, model, stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content == b"data: {oops\n\n"


async def test_an_unreachable_base_url_refuses_the_connection(http: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.ConnectError):
        await http.post(f"{unreachable_base_url()}/responses", json={})


async def test_a_used_up_script_says_so_and_records_the_request(http: httpx.AsyncClient) -> None:
    async with ScriptedModel([Text("only")]) as model:
        assert (await post(http, model, stream=False)).status_code == 200
        response = await post(http, model, stream=False)
        assert response.status_code == 500
        assert "used up" in response.json()["error"]["message"]
        assert model.unexpected == [model.requests[-1]]


async def test_a_role_without_a_script_follows_the_rule_without_end(
    http: httpx.AsyncClient,
) -> None:
    async with ScriptedModel(None) as model:
        for _ in range(2):
            response = await post(http, model, stream=False)
            assert response.json()["error"]["code"] == "rehearsal_cannot_think"
        assert model.unexpected == []


def failing(_request: object) -> Outcome:
    message = "a bug"
    raise ValueError(message)


async def test_a_responder_that_raises_gives_a_500_with_its_error(http: httpx.AsyncClient) -> None:
    async with ModelServer(failing) as model:
        response = await post(http, model, stream=False)
    assert response.status_code == 500
    assert "ValueError: a bug" in json.dumps(response.json())


async def test_steps_may_be_functions_of_the_request(http: httpx.AsyncClient) -> None:
    released = asyncio.Event()

    async def held(_request: object) -> Text:
        await released.wait()
        return Text("late")

    plain: Callable[[object], Text] = lambda _request: Text("made")  # noqa: E731
    async with ScriptedModel([held, plain]) as model:
        first = asyncio.ensure_future(post(http, model, stream=False))
        await model.wait_for_requests(1)
        released.set()
        texts = [await first, await post(http, model, stream=False)]
    assert [r.json()["output"][0]["content"][0]["text"] for r in texts] == ["late", "made"]
