from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import UsageError
from codexmcp.home.mcp_servers import McpServer, check_server, read_server, server_toml
from codexmcp.runs.audit.secret_shapes import SHAPES

LOCAL = McpServer("files", command=("npx", "-y", "server"))
REMOTE = McpServer("docs", url="https://host/mcp")
SECRET = "sk-0123456789abcdef0123456789abcdef"

TEXTS = st.text("aZ9 ._-\"'=#\\é😀", min_size=1, max_size=6)
NAMES = st.text("aZ9._:/-", max_size=6).map(lambda rest: f"a{rest}")
SECONDS = st.none() | st.floats(0.001, 1e6)
TOOLS = st.lists(TEXTS, max_size=3).map(tuple)


@st.composite
def servers(draw: st.DrawFn) -> McpServer:
    server = McpServer(
        draw(NAMES),
        startup_timeout_s=draw(SECONDS),
        tool_timeout_s=draw(SECONDS),
        approval_mode=draw(st.sampled_from([None, "auto", "prompt", "writes", "approve"])),
        enabled_tools=draw(st.none() | TOOLS),
        disabled_tools=draw(TOOLS),
        is_enabled=draw(st.booleans()),
    )
    pairs = st.dictionaries(TEXTS, TEXTS, max_size=2)
    if draw(st.booleans()):
        command = (draw(TEXTS), *draw(st.lists(st.text("a\"'\\\n é\x7f"), max_size=3)))
        return replace(server, command=command, env=draw(pairs), env_vars=draw(TOOLS))
    return replace(
        server,
        url="https://host/mcp",
        headers=draw(pairs),
        header_vars=draw(pairs),
        bearer_var=draw(st.none() | TEXTS),
    )


@given(servers())
def test_a_server_is_read_as_it_was_written(server: McpServer) -> None:
    tables = tomllib.loads(server_toml(server))
    assert list(tables) == ["mcp_servers"]
    assert list(tables["mcp_servers"]) == [server.name]
    assert read_server(server.name, tables["mcp_servers"][server.name]) == server


def test_a_server_is_written_as_a_person_would() -> None:
    server = replace(LOCAL, env={"A": "b"}, startup_timeout_s=10.0, approval_mode="approve")
    assert server_toml(server) == (
        '[mcp_servers.files]\ncommand = "npx"\nargs = ["-y", "server"]\nenv = {A = "b"}\n'
        'startup_timeout_sec = 10.0\ndefault_tools_approval_mode = "approve"\n'
    )


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (replace(LOCAL, name="a b"), "invalid MCP server name"),
        (replace(LOCAL, name="../x"), "invalid MCP server name"),
        (replace(LOCAL, url="https://host/mcp"), "not both"),
        (replace(LOCAL, command=()), "either --url"),
        (replace(LOCAL, command=("",)), "the command is empty"),
        (replace(LOCAL, bearer_var="TOKEN"), "go with --url"),
        (replace(LOCAL, env={"a-b": "c"}), "--env takes the name of a variable"),
        (replace(REMOTE, env_vars=("A",)), "go with a command"),
        (replace(REMOTE, url="host/mcp"), "not a URL"),
        (replace(REMOTE, url="https://me:pw@host/mcp"), "user name or a password"),
        (replace(REMOTE, bearer_var=SECRET), "takes the name of a variable"),
        (replace(REMOTE, headers={"a b": "c"}), "invalid header name"),
    ],
)
def test_what_codex_would_not_take_is_refused(server: McpServer, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refusal:
        check_server(server, SHAPES)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("server", "where"),
    [
        (replace(LOCAL, env={"API_KEY": "x"}), "--env API_KEY"),
        (replace(LOCAL, env={"CONFIG": SECRET}), "--env CONFIG"),
        (replace(LOCAL, command=("server", "--auth", SECRET)), "word 3 of the command"),
        (replace(REMOTE, headers={"Authorization": "Bearer my-token"}), "--header Authorization"),
        (replace(REMOTE, url=f"https://host/mcp?api_key={SECRET}"), "a part of --url"),
    ],
)
def test_a_secret_is_refused_unless_it_may_lie_in_the_file(server: McpServer, where: str) -> None:
    with pytest.raises(UsageError, match=f"{where} looks like a secret.*--env-var") as refusal:
        check_server(server, SHAPES)
    assert SECRET not in str(refusal.value)
    check_server(server, SHAPES, allow_secrets=True)


def test_what_is_no_secret_is_taken() -> None:
    check_server(replace(LOCAL, env={"DEBUG": "1", "ROOT": "/home/me"}, env_vars=("A",)), SHAPES)
    check_server(
        replace(
            REMOTE, headers={"X-Team": "a"}, header_vars={"X-Key": "K"}, bearer_var="DOCS_TOKEN"
        ),
        SHAPES,
    )


def test_a_strange_table_of_somebody_is_read_without_an_error() -> None:
    server = read_server("x", {"command": 3, "args": "a", "env_vars": [{"name": "A"}, "B"]})
    assert server == McpServer("x", env_vars=("A", "B"))
    assert read_server("x", {"startup_timeout_ms": 1500}).startup_timeout_s == 1.5
