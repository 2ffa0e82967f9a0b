"""Every door that decodes JSON of somebody else, and texts that would take long to decode."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import codexmcp
from codexmcp.appserver import oversized, reducing
from codexmcp.errors import UsageError
from codexmcp.jsonrpc.messages import Dialect, encode_notification, encode_request, encode_result
from codexmcp.server.protocol import McpServer, ProtocolOptions
from codexmcp.server.reception import Reception
from codexmcp.server.services import Services
from codexmcp.supervisor.exchange import Exchange
from codexmcp.supervisor.hello import read_hello
from tests.support.fake_app_server import FakeAppServer
from tests.support.http_door import opened
from tests.support.streams import stream_pair

BOUND_S = 20.0
ROOT = Path(codexmcp.__file__).parent

DECODERS = {
    "appserver/contract.py": "a file of ours",
    "appserver/reducing.py": "a process for the messages of Codex that are too large",
    "appserver/tool_log.py": "lines of Codex's log, which StderrLines bounds at 4 MiB",
    "appserver/unreported.py": "the arguments of a tool, out of such a line",
    "http/kernel.py": "after the gate has checked the body",
    "http/pages.py": "a body that the gate bounds at 16 KiB",
    "http/persist.py": "a file of ours, bounded at 4 MiB",
    "jsonrpc/messages.py": "a line that the connection has checked",
    "policy/schema_check.py": "a model's answer",
    "server/tools.py": "a file of ours",
    "supervisor/exchange.py": "checks a client's line; a supervisor's is ours",
    "supervisor/hello.py": "checks a client's greeting; a supervisor's answer is ours",
    "supervisor/registry.py": "a file of ours, bounded at 64 KiB",
    "workspace/extension/files.py": "a file, bounded at 4 MiB, in a thread",
    "workspace/search/hits.py": "lines of ripgrep, bounded at 4 MiB",
}
"""The modules of the servers that decode JSON, and the bound on what they decode."""

COSTLY = {
    "keys": b"{%s}" % b",".join(b'"k%d":1' % number for number in range(40_000)),
    "entries": b"[" + b"1," * 100_000 + b"1]",
    "containers": b"[" + b"[]," * 60_000 + b"1]",
    "digits": b"[" + (b"1" * 4000 + b",") * 250 + b"1" * 100_000 + b"]",
    "depth": b"[" * 500 + b"]" * 500,
}
FRAME = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"codex","arguments":%s}}'
REFUSED = re.compile(r"refused: (more than|nested more than)")


async def _mcp(costly: bytes, _folder: Path) -> None:
    """The private server on stdio, and the supervisor's socket after the greeting."""
    near, far = stream_pair()
    server = McpServer(near, ProtocolOptions(version="0"))
    serving = asyncio.create_task(server.serve(Services()))
    far.write(FRAME % costly + b"\n")
    answer = await far.read_message()
    assert answer["id"] == 7
    assert REFUSED.search(answer["error"]["message"])
    far.write_message({"jsonrpc": "2.0", "id": 8, "method": "ping"})
    assert (await far.read_message())["id"] == 8
    far.close()
    await serving


async def _greeting(costly: bytes, _folder: Path) -> None:
    line = b'{"codexmcp":"1","arguments":[],"cwd":"/","env":%s}' % costly
    with pytest.raises(UsageError, match="not a greeting"):
        read_hello(line)


async def _relay(costly: bytes, _folder: Path) -> None:
    exchange = Exchange(lambda: Reception("0", [], strict=False))
    # The supervisor refuses it; whoever waits for one that has ended is answered all the same.
    assert exchange.from_client(FRAME % costly) == (7, "tools/call")
    assert exchange.answer(FRAME % costly, "ping") is None
    assert json.loads(exchange.abandoned())["id"] == 7


async def _http(costly: bytes, folder: Path) -> None:
    async with opened(folder) as door:
        answer = await door.ask("/mcp", method="POST", body=FRAME % costly, token=door.token)
        assert answer.status == 413
        assert REFUSED.search(answer.fields["error"])


async def _page(costly: bytes, folder: Path) -> None:
    async with opened(folder) as door:
        answer = await door.post("/set-project", b'{"project":%s}' % costly)
        assert 400 <= answer.status < 500


DOORS: dict[str, Callable[[bytes, Path], Awaitable[None]]] = {
    "MCP on a stream": _mcp,
    "the supervisor's greeting": _greeting,
    "the relay": _relay,
    "HTTP, MCP": _http,
    "HTTP, a page": _page,
}


@pytest.mark.parametrize("costly", COSTLY.values(), ids=COSTLY)
@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_no_door_decodes_what_takes_long(
    door: Callable[[bytes, Path], Awaitable[None]], costly: bytes, tmp_path: Path
) -> None:
    async with asyncio.timeout(BOUND_S):
        await door(costly, tmp_path)


def test_no_module_of_a_server_decodes_json_without_a_bound() -> None:
    decoding = re.compile(r"\bjson\.loads\(|\bfrom_json\(body|raw_decode\(")
    found = {
        str(path.relative_to(ROOT))
        for part in ("appserver", "jsonrpc", "policy", "server", "supervisor", "http", "workspace")
        for path in (ROOT / part).rglob("*.py")
        if decoding.search(path.read_text(encoding="utf-8"))
    }
    assert found == DECODERS.keys()


async def test_a_long_prompt_with_many_signs_passes() -> None:
    near, far = stream_pair()
    server = McpServer(near, ProtocolOptions(version="0"))
    serving = asyncio.create_task(server.serve(Services()))
    async with asyncio.timeout(BOUND_S):
        prompt = ',:[{"\\' * 170_000
        arguments = json.dumps({"prompt": prompt}).encode()
        far.write(FRAME % arguments + b"\n")
        assert "Unknown tool" in str(await far.read_message())
        far.close()
        await serving


async def test_a_large_answer_or_notification_of_a_client_is_no_request_of_it() -> None:
    near, far = stream_pair()
    server = McpServer(near, ProtocolOptions(version="0"))
    serving = asyncio.create_task(server.serve(Services()))
    many = [1] * 100_000
    async with asyncio.timeout(BOUND_S):
        far.write(encode_notification(Dialect.MCP, "notifications/progress", {"a": many}))
        far.write(encode_result(Dialect.MCP, 5, {"content": many}))
        answer = await far.read_message()
        assert (answer["id"], answer["error"]["code"]) == (None, -32600)
        far.write(encode_request(Dialect.MCP, 6, "ping", {}))
        assert (await far.read_message())["id"] == 6
        far.close()
        await serving


async def test_a_large_result_of_a_tool_is_left_out_of_codexs_message() -> None:
    fake = FakeAppServer()
    text = [{"type": "text", "text": "see above"}]
    result = {"content": text, "structuredContent": {f"k{n}": n for n in range(150_000)}}
    item = {"id": "i", "type": "mcpToolCall", "tool": "t", "arguments": {"a": 1}, "result": result}
    async with asyncio.timeout(BOUND_S), fake.attached() as server:
        fake.answers["thread/read"] = {"thread": {"turns": [{"items": [item]}]}}
        thread = await server.read_thread("t")
    (turn,) = thread["turns"]
    left = {**result, "structuredContent": "[150001 JSON values left out]"}
    assert turn["items"] == [{**item, "result": left}]


async def test_a_message_that_cannot_be_reduced_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert await oversized.reduce(b'{"id":1}') == b'{"id":1}'


def test_only_json_of_any_shape_is_left_out() -> None:
    items = [{"id": str(number), "result": {"a": [number]}} for number in range(20_000)]
    message = {"id": 1, "result": {"items": items, "arguments": list(range(20_000))}}
    reduced = json.loads(reducing.reduced(json.dumps(message).encode()))
    assert reduced["result"] == {"items": items, "arguments": "[20001 JSON values left out]"}
