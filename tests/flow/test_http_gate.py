"""What the HTTP server refuses, and that refusing costs nobody else anything."""

from __future__ import annotations

import asyncio
import base64
import socket
from pathlib import Path

import pytest

from codexmcp.http import gate as gate_module
from codexmcp.http import serving
from codexmcp.http.gate import GateBounds
from codexmcp.http.rates import Rate
from codexmcp.workspace.files.writing import MAX_BYTES
from tests.support.http_client import read_answer
from tests.support.http_door import Door, opened
from tests.support.processes import until

LISTING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


async def test_without_a_token_nobody_learns_anything_of_mcp(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for headers in (
            {},
            {"Authorization": "Bearer"},
            {"Authorization": f"Basic {door.token}"},
            {"Authorization": door.token},
            {"Authorization": "Bearer wrong-but-long-enough"},
            {"Authorization": f"Bearer {door.token[:-1]}"},
            {"Authorization": f"Bearer {door.token}x"},
        ):
            answer = await door.ask("/mcp", method="POST", body=LISTING, headers=headers)
            assert answer.status == 401, headers
            assert answer.headers["www-authenticate"].startswith('Bearer realm="codexmcp"')
            assert b"tools" not in answer.body
            assert door.token not in answer.body.decode()


async def test_a_wrong_token_is_told_from_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        none = await door.ask("/mcp", method="POST", body=LISTING)
        wrong = await door.ask("/mcp", method="POST", body=LISTING, token="x" * 40)
    assert "error" not in none.headers["www-authenticate"]
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]


async def test_the_scheme_of_a_token_may_be_written_in_any_case(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        headers = {"Authorization": f"bEaReR {door.token}", "Accept": "application/json"}
        answer = await door.ask("/mcp", method="POST", body=LISTING, headers=headers)
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "localhost@evil",
        "",
    ],
)
async def test_a_host_that_is_not_this_machine_is_refused_with_and_without_a_token(
    tmp_path: Path, host: str
) -> None:
    async with opened(tmp_path) as door:
        for path in ("/mcp", "/command-log", "/healthz", "/status"):
            method = "GET" if path in {"/healthz", "/status"} else "POST"
            answer = await door.ask(
                path, method=method, body=LISTING, token=door.token, headers={"Host": host}
            )
            # Without any Host, the request itself is wrong.
            assert answer.status == (421 if host else 400), path


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:3000"])
async def test_names_of_this_machine_may_be_used_with_any_port(tmp_path: Path, host: str) -> None:
    async with opened(tmp_path) as door:
        assert (await door.ask("/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "file://",
        "http://localhost.evil.example",
        "http://localhost#@evil.example",
        "http://",
    ],
)
async def test_a_web_page_of_another_site_is_refused(tmp_path: Path, origin: str) -> None:
    async with opened(tmp_path) as door:
        headers = {"Origin": origin}
        for path, token in (("/mcp", door.token), ("/command-log", None)):
            answer = await door.ask(path, method="POST", body=LISTING, token=token, headers=headers)
            assert answer.status == 403, path
        assert door.root.exists()


async def test_hosts_and_origins_that_are_allowed_are_let_in(tmp_path: Path) -> None:
    async with opened(
        tmp_path, hosts=["Tools.Example"], web_origins=["https://page.example"]
    ) as door:
        headers = {"Host": "tools.example:80", "Origin": "https://page.example"}
        assert (await door.ask("/healthz", headers=headers)).status == 200
        headers["Origin"] = "https://other.example"
        assert (await door.ask("/healthz", headers=headers)).status == 403


async def test_two_hosts_in_one_request_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        data = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
        assert (await door.raw(data)).status in {400, 421}


async def test_only_the_methods_that_mean_something_are_answered(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for method in ("GET", "DELETE", "PUT", "OPTIONS"):
            answer = await door.ask("/mcp", method=method, token=door.token)
            assert (answer.status, answer.headers["allow"]) == (405, "POST"), method
        assert (await door.ask("/command-log")).status == 405
        assert (await door.ask("/nothing")).status == 404
        assert (await door.ask("/mcp/", method="POST", body=LISTING)).status == 404


async def test_only_json_is_taken_so_that_no_simple_request_of_a_page_writes(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as door:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            for path, token in (("/mcp", door.token), ("/command-log", None)):
                answer = await door.ask(
                    path,
                    method="POST",
                    body={"command": "x"},
                    token=token,
                    headers={"Content-Type": kind},
                )
                assert answer.status == 415, (kind, path)
        status = await door.ask("/status", token=door.token)
    assert status.fields["telemetry"]["counts"] == {}


async def test_a_large_request_is_refused_by_the_length_it_names_or_by_its_bytes(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, bounds=GateBounds(body_bytes=1000)) as door:
        own = f"Host: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        own += "Content-Type: application/json\r\n"
        named = f"POST /mcp HTTP/1.1\r\n{own}Content-Length: 1001\r\n\r\n"
        assert (await door.raw(named.encode())).status == 413
        chunk = f"{1001:x}\r\n{'x' * 1001}\r\n"
        chunked = f"POST /mcp HTTP/1.1\r\n{own}Transfer-Encoding: chunked\r\n\r\n{chunk}"
        assert (await door.raw(chunked.encode())).status == 413
        event = {"command": "x" * 20_000}
        assert (await door.post("/command-log", event)).status == 413
        assert (await door.ask("/healthz")).status == 200


async def test_who_may_not_write_may_send_only_little(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(small_body_bytes=1000)) as door:
        reader = door.tokens.add("reader", ["read", "git", "runs"])
        writer = door.tokens.add("writer", ["write"])
        for token, status in ((reader, 413), (writer, 200), (door.token, 200)):
            answer = await door.rpc("tools/list", token, _meta={"long": "x" * 1000})
            assert answer.status == status
        own = f"Host: localhost\r\nAuthorization: Bearer {reader}\r\n"
        own += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        chunk = f"{1001:x}\r\n{'x' * 1001}\r\n"
        assert (await door.raw(f"POST /mcp HTTP/1.1\r\n{own}\r\n{chunk}".encode())).status == 413
        assert (await door.rpc("tools/list", reader)).status == 200


async def test_a_request_of_very_many_arrays_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        many = await door.rpc("tools/call", name="wait", arguments={"a": [[]] * 40_000})
        assert many.status == 413
        await door.tool("agentOS_fs_write", path="a", content="[]" * 20_000)
        assert (door.root / "a").stat().st_size == 40_000


async def test_a_large_head_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for size, status in ((gate_module.MAX_HEAD_BYTES, 431), (1_000_000, 400)):
            answer = await door.ask("/healthz", headers={"X-Long": "x" * size})
            # What is far too large is not even read.
            assert answer.status in {status, 0}, size
        assert (await door.ask("/healthz")).status == 200


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 10\r\nContent-Length: 20",
        "Content-Length: -1",
        "Content-Length: many",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
    ],
)
async def test_a_length_that_contradicts_itself_is_refused(tmp_path: Path, head: str) -> None:
    async with opened(tmp_path) as door:
        own = f"Host: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        text = f"POST /mcp HTTP/1.1\r\n{own}{head}\r\n\r\n0\r\n\r\n"
        assert (await door.raw(text.encode())).status == 400
        assert (await door.ask("/healthz")).status == 200


async def test_a_client_that_promises_more_than_it_sends_and_leaves_costs_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as door:
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head.encode())
        writer.write_eof()
        assert (await read_answer(reader)).status == 0
        writer.close()
        assert (await door.rpc("tools/list")).status == 200


async def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(body_timeout_s=0.2)) as door:
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        assert (await door.raw(head.encode())).status == 408


async def test_a_head_that_does_not_come_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_TIMEOUT_S", 0.2)
    async with opened(tmp_path) as door:
        for data in (b"", b"GET /healthz HTTP/1.1\r\nHost: local"):
            assert (await door.raw(data)).status == 0
        # Also on a connection that was of use before.
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await read_answer(reader)).status == 200
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        assert (await read_answer(reader)).status == 0
        writer.close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = 0

    class Counted(serving.BoundedProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            nonlocal ended
            ended += 1
            super().connection_lost(exc)

    monkeypatch.setattr(serving, "WRITE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(serving, "BoundedProtocol", Counted)
    async with opened(tmp_path) as door:
        (door.portfolio / "large.md").write_text("x" * 4_000_000)
        body = (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
            b'{"name":"read_portfolio_file","arguments":{"name":"large"}}}'
        )
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        head += "Accept: application/json\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", door.port))
            connection.sendall(head.encode() + body)
            await until(lambda: ended == 1, "it is cut off, and the rest is thrown away")
            connection.settimeout(10)
            read = sum(map(len, iter(lambda: connection.recv(1_000_000), b"")))
    assert 0 < read < 8_000_000


async def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    bounds = GateBounds(rate=Rate(0.5, 2), open_rate=Rate(0.5, 3), wrong_rate=Rate(0.5, 2))
    async with opened(tmp_path, bounds=bounds) as door:
        asked = [await door.rpc("tools/list") for _ in range(3)]
        wrong = [await door.rpc("tools/list", "x" * 40) for _ in range(3)]
        events = [await door.post("/command-log", {"command": "x"}) for _ in range(4)]
    assert [each.status for each in asked] == [200, 200, 429]
    assert [each.status for each in wrong] == [401, 401, 429]
    assert [each.status for each in events] == [200, 200, 200, 429]
    for last in (asked[-1], wrong[-1], events[-1]):
        assert 1 <= int(last.headers["retry-after"]) <= 2


async def test_wrong_tokens_of_others_do_not_lock_the_owner_out(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(wrong_rate=Rate(0.01, 1))) as door:
        for _ in range(3):
            await door.rpc("tools/list", "x" * 40)
        assert (await door.rpc("tools/list")).status == 200


async def test_more_requests_than_are_worked_on_at_once_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(at_once=2)) as door:
        waiting = [asyncio.create_task(door.tool("wait")) for _ in range(2)]
        await until(lambda: door.gate.inside == 2, "two calls wait")
        refused = await door.rpc("tools/list")
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await door.ask("/healthz")).status == 200
        door.gate.release.set()
        assert await asyncio.gather(*waiting) == [{"waited": True}] * 2
        assert (await door.rpc("tools/list")).status == 200


async def test_requests_that_are_large_together_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(held_bytes=1000)) as door:
        waiting = asyncio.create_task(door.tool("wait"))
        await until(lambda: door.gate.inside == 1, "a call waits")
        write = {"path": "a.txt", "content": "x" * 1000}
        refused = await door.rpc("tools/call", name="agentOS_fs_write", arguments=write)
        assert refused.status == 503
        door.gate.release.set()
        await waiting
        # Alone it may be as large as any.
        await door.tool("agentOS_fs_write", **write)


async def test_slow_requests_of_one_token_do_not_lock_the_owner_out(tmp_path: Path) -> None:
    async with opened(tmp_path, bounds=GateBounds(at_once=4)) as door:
        reader = door.tokens.add("reader", ["read"])
        waiting = [asyncio.create_task(door.tool("wait", reader)) for _ in range(2)]
        await until(lambda: door.gate.inside == 2, "two calls wait")
        refused = await door.rpc("tools/list", reader)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "token reader" in refused.fields["error"]
        assert (await door.rpc("tools/list")).status == 200
        door.gate.release.set()
        await asyncio.gather(*waiting)
        assert (await door.rpc("tools/list", reader)).status == 200


@pytest.mark.parametrize("more", [b"", b',"_meta":{"progressToken":1}'], ids=["json", "events"])
async def test_a_client_that_leaves_ends_its_call(tmp_path: Path, more: bytes) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"%s}}' % more
    async with opened(tmp_path) as door:
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {door.token}\r\nContent-Type: application/json\r\n"
        head += "Accept: application/json, text/event-stream\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(head.encode() + body)
        await until(lambda: door.gate.inside == 1, "the call waits")
        writer.transport.abort()
        await until(lambda: door.gate.left == 1, "the call was given up")
        assert (await door.rpc("tools/list")).status == 200


async def test_the_end_of_the_server_ends_calls_with_an_answer(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        waiting = asyncio.create_task(door.rpc("tools/call", name="wait", arguments={}))
        await until(lambda: door.gate.inside == 1, "the call waits")
    assert (await waiting).status == 503
    assert (await _refused(door)) is True


async def _refused(door: Door) -> bool:
    try:
        await door.raw(b"")
    except ConnectionRefusedError:
        return True
    return False


async def test_a_token_that_was_replaced_counts_no_more_beside_requests_without_a_pause(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, bounds=GateBounds(rate=Rate(0, 0))) as door:
        over = asyncio.Event()

        async def others() -> None:
            while not over.is_set():
                await door.rpc("tools/list")

        asking = [asyncio.create_task(others()) for _ in range(4)]
        try:
            for _ in range(10):
                old = door.token
                assert (await door.rpc("tools/list", old)).status == 200
                door.tokens.rotate()
                assert (await door.rpc("tools/list", old)).status == 401
        finally:
            over.set()
            await asyncio.gather(*asking)


async def test_tokens_that_cannot_be_read_let_nobody_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        token = door.token
        door.tokens.token_path.chmod(0o644)
        answer = await door.rpc("tools/list", token)
        assert answer.status == 503
        assert str(tmp_path) not in answer.body.decode()
        door.tokens.token_path.chmod(0o600)
        assert (await door.rpc("tools/list", token)).status == 200


async def test_the_largest_file_can_be_written(tmp_path: Path) -> None:
    data = base64.b64encode(bytes(MAX_BYTES)).decode()
    async with opened(tmp_path) as door:
        await door.tool("agentOS_fs_write", path="a", content=data, encoding="base64")
        assert (door.root / "a").stat().st_size == MAX_BYTES
