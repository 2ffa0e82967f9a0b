"""A relay without a supervisor answers as the supervisor of the same client would, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from codexmcp.cli import serve
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.shared import reception
from codexmcp.codex.binary import find_codex, server_version
from codexmcp.codex.desk import Desk
from codexmcp.command_line import ArgumentParser, parse
from codexmcp.jsonrpc.messages import Dialect, encode_notification, encode_request
from codexmcp.runs.service import RunService
from codexmcp.server.reception import CODEX_INSTRUCTIONS, RUN_INSTRUCTIONS
from codexmcp.settings import load_settings
from codexmcp.supervisor.clients import ClientServices, serve_client
from codexmcp.supervisor.exchange import Exchange
from codexmcp.supervisor.hello import Hello

BOUND_S = 20.0

FLAGS: dict[str, Sequence[str]] = {
    "none": [],
    "--shared": ["--shared"],
    "--tools": ["--tools", "codex,runs"],
    "--tools runs": ["--tools", "runs"],
    "--tools codex": ["--tools", "codex"],
    "--strict-compat": ["--strict-compat"],
    "--strict-compat runs": ["--strict-compat", "--tools", "runs"],
    "--sandbox": ["--sandbox", "read-only"],
    "--approval-policy": ["--approval-policy", "never"],
    "--cwd": ["--cwd", "."],
    "--model": ["--model", "m"],
    "--profile": ["--profile", "p"],
    "--deny-read": ["--deny-read", "/secret"],
    "--approval-timeout": ["--approval-timeout", "1"],
    "--approval-default": ["--approval-default", "cancel"],
    "--allow-git": ["--allow-git"],
    "--allow-policy-amendments": ["--allow-policy-amendments"],
    "--timeout": ["--timeout", "1"],
    "--idle-timeout": ["--idle-timeout", "1"],
    "--drain-timeout": ["--drain-timeout", "1"],
    "--no-deltas": ["--no-deltas"],
    "--max-result-bytes": ["--max-result-bytes", "0"],
    "--config": ["--config", "a=1"],
    "--enable": ["--enable", "goals"],
    "--disable": ["--disable", "goals"],
    "--strict-config": ["--strict-config"],
    "--model-endpoint": ["--model-endpoint", "http://127.0.0.1:9"],
    "--in-container": ["--in-container", "image"],
    "--allow-credentials": ["--in-container", "image", "--allow-credentials"],
    "--workspace": ["--in-container", "image", "--workspace", "."],
    "--container-engine": ["--in-container", "image", "--container-engine", "podman"],
    "--debug": ["--debug"],
}

CLIENT = {"name": "c", "version": "1"}
GOOD = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": CLIENT}


def lines() -> list[bytes]:
    """Return what a client may say that needs no tool."""
    initializes: list[dict[str, Any] | None] = [
        None,
        {},
        {**GOOD, "protocolVersion": 1},
        {**GOOD, "clientInfo": {}},
        {**GOOD, "protocolVersion": "1999-01-01", "capabilities": {"elicitation": {}}},
        GOOD,
    ]
    methods = [
        *("ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list"),
        *("server/discover", "logging/setLevel", "prompts/get", "completion/complete", "no/such"),
    ]
    requests = [
        *(("initialize", params) for params in initializes),
        *((method, params) for method in methods for params in (None, {"cursor": "x"})),
    ]
    return [
        encode_notification(Dialect.MCP, "notifications/initialized", None),
        b"no message\n",
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}\n',
        b'{"id":"no version","method":"ping"}\n',
        '{"jsonrpc":"2.0","id":"\u00e9\\ud800","method":"ping"}\n'.encode(),
        *(
            encode_request(Dialect.MCP, number, method, params)
            for number, (method, params) in enumerate(requests)
        ),
    ]


class IdleDesk:
    """A desk where nothing is done."""

    source = None

    async def leave(self, _engine: object) -> None:
        """Stop nothing."""


def read(words: Sequence[str]) -> McpServerOptions:
    """Return the options of a shared server."""
    return parse(McpServerOptions, ["--shared", *words])


def of_relay(words: Sequence[str]) -> list[bytes]:
    """Return what a relay without a supervisor answers."""
    exchange = Exchange(lambda: reception(read(words), load_settings({})))
    answers = [
        exchange.answer(line.rstrip(), request[1])
        for line in lines()
        if (request := exchange.from_client(line.rstrip())) is not None
    ]
    return [answer for answer in answers if answer is not None]


async def of_supervisor(words: Sequence[str], folder: Path) -> list[bytes]:
    """Return what a supervisor answers, with nothing behind it."""
    version = server_version(find_codex(None))
    workspace = folder if "--in-container" in words else None
    offer = ClientServices(
        read_options=lambda hello: serve._client(hello, version, folder, workspace),
        desk=cast("Desk", IdleDesk()),
        service=cast("RunService", None),
        check=lambda _caller: cast("Any", None),
        methods=lambda _runs, _stack: {},
        is_kept=False,
    )
    near, far = socket.socketpair()
    with contextlib.ExitStack() as stack:
        stack.callback(far.close)
        serving = asyncio.create_task(
            serve_client(*await asyncio.open_unix_connection(sock=near), offer, set())
        )
        reader, writer = await asyncio.open_unix_connection(sock=far)
        hello = Hello(["--shared", *words], str(folder), {}, "1").to_line()
        async with asyncio.timeout(BOUND_S):
            writer.write(hello + b"".join(lines()))
            assert json.loads(await reader.readline()) == {"ok": True}
            writer.write_eof()
            said = await reader.read()
            await serving
        writer.close()
    return said.splitlines(keepends=True)


@pytest.mark.parametrize("name", FLAGS)
async def test_a_relay_answers_as_the_supervisor_would(name: str, tmp_path: Path) -> None:
    by_relay, by_supervisor = of_relay(FLAGS[name]), await of_supervisor(FLAGS[name], tmp_path)
    # A supervisor answers each request by a task of its own.
    assert sorted(by_relay) == sorted(by_supervisor)
    assert len(by_relay) == len(lines()) - 3


def test_the_table_has_every_flag() -> None:
    parser = ArgumentParser(add_help=False)
    parser.add_options(McpServerOptions)
    actions = parser._actions
    assert {action.option_strings[-1] for action in actions} <= FLAGS.keys()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], f"{CODEX_INSTRUCTIONS} {RUN_INSTRUCTIONS}"),
        (["--tools", "runs"], RUN_INSTRUCTIONS),
        (["--tools", "codex"], CODEX_INSTRUCTIONS),
        (["--strict-compat"], None),
    ],
)
def test_instructions_are_about_the_tools_that_there_are(
    words: Sequence[str], told: str | None
) -> None:
    result = reception(read(words), load_settings({})).answer("initialize", GOOD)
    assert result.get("instructions") == told
    assert told is None or len(told) < 600
