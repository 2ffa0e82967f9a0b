"""The forwarder's ways to the upstream: TLS, a company's certificates, and the user's proxies."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from codexmcp.network import CA_VARIABLES
from codexmcp.testing import ScriptedModel, Text, unreachable_base_url
from tests.support.certificates import Authority, tls_front
from tests.support.forward_proxy import forward_proxy
from tests.support.forwarders import KEY, Forwarding, forwarder, upstream
from tests.support.socks_proxy import socks_proxy

BOUND_S = 20.0
CLEAR, SECURE = "http://model.example/v1", "https://model.example/v1"


def model() -> ScriptedModel:
    return ScriptedModel([Text("hi")], surface=None)


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


async def answer_of(forwarding: Forwarding) -> httpx.Response:
    async with httpx.AsyncClient(timeout=BOUND_S) as http:
        return await http.post(forwarding.url, json={"model": "m", "input": "hi"})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("variable", CA_VARIABLES)
async def test_a_company_s_certificates_are_trusted(authority: Authority, variable: str) -> None:
    async with (
        model() as started,
        tls_front(port_of(started.base_url), authority.server_context("localhost")) as port,
    ):
        with forwarder(f"https://localhost:{port}/v1", {variable: str(authority.file)}) as ours:
            assert (await answer_of(ours)).status_code == 200
        assert started.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_certificate_that_is_not_trusted_is_named_with_the_remedy(
    authority: Authority,
) -> None:
    async with (
        model() as started,
        tls_front(port_of(started.base_url), authority.server_context("localhost")) as port,
    ):
        with forwarder(f"https://localhost:{port}/v1") as ours:
            answer = await answer_of(ours)
        assert started.requests == []
    assert answer.status_code == 502
    reason = answer.json()["error"]["message"]
    assert reason.startswith(f"cannot reach https://localhost:{port}/v1: its certificate is not")
    assert "name the file of its issuer's certificate in CODEX_CA_CERTIFICATE" in reason


def cut(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answer one request, and close the connection without the closing words of TLS."""
    connection = context.wrap_socket(listener.accept()[0], server_side=True)
    # The whole request: an end with unread bytes resets the connection.
    request = b""
    while not request.endswith(b"}"):
        request += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    os.close(connection.detach())


async def test_an_end_without_that_of_tls_is_no_clean_end(authority: Authority) -> None:
    context = authority.server_context("localhost")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(BOUND_S)
        cutting = asyncio.create_task(asyncio.to_thread(cut, listener, context))
        base_url = f"https://localhost:{listener.getsockname()[1]}/v1"
        env = {CA_VARIABLES[0]: str(authority.file)}
        with forwarder(base_url, env) as ours, pytest.raises(httpx.RemoteProtocolError):
            await answer_of(ours)
        await cutting


@pytest.mark.parametrize(
    ("endpoint", "variable", "method"),
    [(CLEAR, "HTTP_PROXY", "POST"), (SECURE, "https_proxy", "CONNECT")],
)
async def test_the_user_s_proxy_leads_to_the_endpoint(
    authority: Authority, endpoint: str, variable: str, method: str
) -> None:
    async with (
        model() as started,
        tls_front(port_of(started.base_url), authority.server_context("model.example")) as port,
        forward_proxy(port_of(started.base_url), port) as proxy,
    ):
        env = {
            variable: proxy.url.replace("//", "//me:p%40ss@"),
            CA_VARIABLES[0]: str(authority.file),
        }
        with forwarder(endpoint, env) as ours:
            assert (await answer_of(ours)).status_code == 200
        assert proxy.asked == [f"{method} model.example"]
        token = base64.b64encode(b"me:p@ss").decode()
        assert proxy.authorizations == [f"Basic {token}"]
        assert "proxy-authorization" not in started.requests[0].headers or method == "POST"


@pytest.mark.parametrize("password", ["", "p@ss"])
async def test_a_socks_proxy_leads_to_the_endpoint(password: str) -> None:
    async with (
        model() as started,
        socks_proxy(port_of(started.base_url), password=password) as (address, asked),
    ):
        user = "me:p%40ss@" if password else ""
        with forwarder(CLEAR, {"ALL_PROXY": f"socks5h://{user}{address}"}) as ours:
            assert (await answer_of(ours)).status_code == 200
        assert asked == ["model.example"]


async def test_a_proxy_that_refuses_is_named_without_its_password() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    async with (
        upstream(serve) as http_proxy,
        socks_proxy(0, reply=2) as (socks, _),
    ):
        address = urlsplit(http_proxy).netloc
        away = urlsplit(unreachable_base_url()).netloc
        for proxy, reason in (
            (f"http://me:secret@{address}", "the proxy answers '407 Proxy"),
            (f"socks5://me:secret@{socks}", "refused by the SOCKS proxy: forbidden by the proxy"),
            (f"http://me:secret@{away}", "Connection refused"),
        ):
            with forwarder(SECURE, {"HTTPS_PROXY": proxy}) as ours:
                answer = await answer_of(ours)
            through = f"cannot reach {SECURE} through the proxy {proxy.rpartition('@')[2]}: "
            assert through + reason in answer.json()["error"]["message"]
            assert "secret" not in answer.text + str(ours.told)
