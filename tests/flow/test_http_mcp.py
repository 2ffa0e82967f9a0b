"""MCP over HTTP, seen by the official SDK's client and by requests of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError

from codexmcp.errors import WorkspaceError
from codexmcp.mcp_tools import READS, record
from codexmcp.workspace.tool import Scope, WorkspaceTool
from tests.support.http_door import opened

PORTFOLIO = ["list_portfolio_files", "read_portfolio_file"]
READING = ["agentOS_fs_list", "agentOS_fs_read", "agentOS_fs_search"]
WRITING = ["agentOS_fs_write", "agentOS_fs_replace"]


def tool(name: str, error: Exception) -> WorkspaceTool:
    async def run(_arguments: Mapping[str, Any]) -> dict[str, Any]:
        raise error

    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    return WorkspaceTool(name, "Fail.", schema, Scope.READ, run, name, record({}), READS)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_of_the_sdk_lists_tools_reads_and_writes(tmp_path: Path, mode: str) -> None:
    async with opened(tmp_path) as door, door.client(mode=mode) as client:
        tools = (await client.list_tools()).tools
        written = {"path": "a.txt", "content": "one\n"}
        await client.call_tool("agentOS_fs_write", written)
        read = await client.call_tool("agentOS_fs_read", {"path": "a.txt"})
        assert client.server_info is not None
        assert client.server_info.name == "agentOS-portfolio"
    assert [each.name for each in tools] == [*PORTFOLIO, *READING, *WRITING, "wait"]
    assert all(each.title and each.output_schema for each in tools)
    assert {
        each.name for each in tools if each.annotations and each.annotations.read_only_hint
    } == {
        *PORTFOLIO,
        *READING,
    }
    assert (door.root / "a.txt").read_text() == "one\n"
    assert read.structured_content is not None
    assert read.structured_content["content"] == "one\n"


async def test_ten_clients_at_once_are_served(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:

        async def work(number: int) -> object:
            async with door.client() as client:
                path = f"{number}.txt"
                await client.call_tool("agentOS_fs_write", {"path": path, "content": str(number)})
                read = await client.call_tool("agentOS_fs_read", {"path": path})
                assert read.structured_content is not None
                return read.structured_content["content"]

        found = await asyncio.gather(*(work(number) for number in range(10)))
    assert found == [str(number) for number in range(10)]


async def test_what_a_tool_refuses_is_an_error_of_the_tool(tmp_path: Path) -> None:
    more = [
        tool("refuses", WorkspaceError("no, for a reason; do something else")),
        tool("breaks", OSError(5, "secret detail")),
        tool("mistakes", TypeError("secret detail")),
        tool("overflows", OverflowError("secret detail")),
    ]
    async with opened(tmp_path, more=more) as door:
        assert await door.failing("refuses") == "no, for a reason; do something else"
        broken = await door.failing("breaks")
        odd = [await door.failing(name) for name in ("mistakes", "overflows")]
        wrong = await door.failing("agentOS_fs_read", path=7, more=1)
        outside = await door.failing("agentOS_fs_read", path="../agentos/token")
        unknown = await door.rpc("tools/call", name="nothing", arguments={})
    for said in (broken, *odd):
        assert "secret detail" not in said
        assert "log of the server" in said
    assert wrong.startswith("agentOS_fs_read: ")
    assert "agentos/token" in outside
    assert "Unknown tool" in unknown.fields["error"]["message"]


async def test_an_integer_may_be_written_with_a_point(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        (door.root / "a.txt").write_text("one\ntwo\n")
        read = await door.tool("agentOS_fs_read", path="a.txt", offset_bytes=4.0, limit_bytes=100.0)
        assert read["content"] == "two\n"
        listed = await door.tool("agentOS_fs_list", path=".", limit=2.0)
        assert [each["name"] for each in listed["entries"]] == ["a.txt"]


async def test_nonsense_is_answered_and_costs_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        headers = {"Accept": "application/json, text/event-stream"}
        for body in ([], [1], "x", {}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "id": 1}, 7, None):
            answer = await door.ask(
                "/mcp", method="POST", body=body, token=door.token, headers=headers
            )
            assert 400 <= answer.status < 500, body
        deep = b"[" * 100_000
        head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.token}\r\n"
        head += "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(deep)}\r\n\r\n"
        assert 400 <= (await door.raw(head.encode() + deep)).status < 500
        assert (await door.rpc("tools/list")).status == 200


async def test_a_token_sees_and_calls_only_the_tools_of_its_scopes(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        reader = door.tokens.add("reader", ["read"])
        writer = door.tokens.add("writer", ["write"])
        (door.portfolio / "me.md").write_text("# Me\n")
        assert await _names(door, reader) == [*PORTFOLIO, *READING, "wait"]
        assert await _names(door, writer) == WRITING
        write = {"name": "agentOS_fs_write", "arguments": {"path": "x", "content": "x"}}
        refused = await door.rpc("tools/call", reader, **write)
        assert refused.status == 403
        assert 'error="insufficient_scope", scope="write"' in refused.headers["www-authenticate"]
        assert not (door.root / "x").exists()
        assert (await door.rpc("tools/call", writer, **write)).status == 200
        assert (door.root / "x").exists()
        uri = "portfolio://me.md"
        assert (await door.rpc("resources/read", writer, uri=uri)).status == 403
        assert (await door.rpc("resources/list", writer)).fields["result"]["resources"] == []
        assert (await door.rpc("resources/read", reader, uri=uri)).status == 200


async def test_a_body_read_differently_by_two_parsers_does_not_widen_a_token(
    tmp_path: Path,
) -> None:
    calls = [
        '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":%s}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"tools/list","params":%s}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"},"params":%s}',
        '\ufeff{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","x":NaN,"params":%s}',
        '{"jsonrpc":"2.0","id":1,"method":"tools\\u002fcall","params":%s}',
    ]
    params = '{"name":"agentOS_fs_write","arguments":{"path":"x","content":"x"}}'
    async with opened(tmp_path) as door:
        reader = door.tokens.add("reader", ["read"])
        for call in calls:
            data = (call % params).encode()
            head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {reader}\r\n"
            head += "Accept: application/json\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(data)}\r\n\r\n"
            await door.raw(head.encode() + data)
            assert not (door.root / "x").exists(), call


async def _names(door: Any, token: str) -> list[str]:
    listed = await door.rpc("tools/list", token)
    return [each["name"] for each in listed.fields["result"]["tools"]]


async def test_a_rotated_token_counts_at_once_and_the_old_one_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        old = door.token
        assert (await door.rpc("tools/list", old)).status == 200
        door.tokens.rotate()
        assert door.token != old
        assert (await door.rpc("tools/list", old)).status == 401
        assert (await door.rpc("tools/list", door.token)).status == 200


async def test_a_token_that_is_removed_counts_no_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        secret = door.tokens.add("other", ["read", "write", "git", "runs"])
        assert (await door.rpc("tools/list", secret)).status == 200
        door.tokens.remove("other")
        assert (await door.rpc("tools/list", secret)).status == 401


async def test_the_token_of_the_environment_takes_the_place_of_the_file(tmp_path: Path) -> None:
    given = "given-by-the-environment"
    async with opened(tmp_path, given=given) as door:
        assert (await door.rpc("tools/list", given)).status == 200
        assert not door.tokens.token_path.exists()


async def test_the_portfolio_is_read_anew_each_time_as_tool_and_as_resource(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as door, door.client() as client:
        file = door.portfolio / "my notes.md"
        for text in ("one", "two"):
            file.write_text(text)
            (found,) = (await client.list_resources()).resources
            assert (found.uri, found.mime_type) == ("portfolio://my%20notes.md", "text/markdown")
            (content,) = (await client.read_resource(found.uri)).contents
            assert getattr(content, "text", None) == text
            answer = await client.call_tool("read_portfolio_file", {"name": "my notes"})
            assert answer.structured_content is not None
            assert answer.structured_content["content"] == text
        file.unlink()
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError, match="not in the portfolio"):
            await client.read_resource("portfolio://my%20notes.md")
        status = (await door.ask("/status", token=door.token)).fields
    counts = status["telemetry"]["counts"]["portfolio-read"]
    assert counts == {"portfolio://my%20notes.md": 4}


async def test_a_portfolio_never_leads_out_of_its_folder(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        (door.portfolio / "link.md").symlink_to(door.tokens.token_path)
        for uri in ("portfolio://link.md", "portfolio://../agentos/token", "file:///etc/passwd"):
            answer = await door.rpc("resources/read", uri=uri)
            assert "error" in answer.fields, uri
            assert door.token not in answer.body.decode()


async def test_a_client_of_the_newest_version_lists_templates_and_is_promised_no_changes(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as door, door.client(mode="auto") as client:
        assert client.protocol_version == "2026-07-28"
        (template,) = (await client.list_resource_templates()).resource_templates
        tools, resources = client.server_capabilities.tools, client.server_capabilities.resources
    assert template.uri_template == "portfolio://{name}"
    assert tools is not None
    assert resources is not None
    assert (tools.list_changed, resources.list_changed, resources.subscribe) == (False,) * 3
