from __future__ import annotations

import asyncio
import socket

import pytest

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.http.binding import ListenAddress, bound, check_address, is_local, url_of

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is under test


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "LOCALHOST"])
def test_this_machine_alone_may_be_served_without_more(host: str) -> None:
    check_address(ListenAddress(host), allow_remote=False)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.0.0.1", "example.org", "", "127.0.0.1x"])
def test_others_may_be_served_only_when_that_is_asked_for(host: str) -> None:
    with pytest.raises(UsageError, match="--allow-remote"):
        check_address(ListenAddress(host), allow_remote=False)
    check_address(ListenAddress(host), allow_remote=True)


@pytest.mark.parametrize("path", ["", "mcp", "/", "/healthz", "/status", "/a b", "/a?b", "/ä\n"])
def test_a_path_that_cannot_be_had_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="--path"):
        check_address(ListenAddress(path=path), allow_remote=False)


def test_a_port_that_is_free_is_told() -> None:
    with bound(ListenAddress(port=0)) as connection:
        port = connection.getsockname()[1]
        assert url_of(connection, "/mcp") == f"http://127.0.0.1:{port}/mcp"
        assert is_local(connection)
        with (
            pytest.raises(ConfigurationError, match=f"listens on 127.0.0.1:{port} already"),
            bound(ListenAddress(port=port)),
        ):
            pass
    with bound(ListenAddress(port=port)):
        pass


async def test_answers_are_sent_at_once() -> None:
    answering: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_client(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = writer.get_extra_info("socket")
        answering.set_result(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bound(ListenAddress(port=0)) as connection:
        async with await asyncio.start_server(on_client, sock=connection):
            _, writer = await asyncio.open_connection(*connection.getsockname())
            assert await asyncio.wait_for(answering, 10)
            writer.close()


def test_what_everybody_can_reach_is_told_as_this_machine() -> None:
    with bound(ListenAddress(EVERYWHERE, 0)) as connection:
        assert url_of(connection, "/x").startswith("http://127.0.0.1:")
        assert not is_local(connection)


def test_an_address_of_the_newer_kind_is_told_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    try:
        with bound(ListenAddress("::1", 0)) as connection:
            assert url_of(connection, "/mcp").startswith("http://[::1]:")
    except ConfigurationError as error:
        pytest.skip(f"this machine has no ::1: {error}")
