"""The official conformance suite of MCP against `codexmcp serve --http`.

Most of its scenarios call tools, prompts and resources of a reference server that it brings no
copy of; what a server has instead is its own choice. Each that does not pass is named with why.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.install import conformance
from tests.support.adding_proxy import adding
from tests.support.http_client import HttpClient
from tests.support.http_door import opened
from tests.support.http_serving import served
from tests.support.reference_tools import ReferenceLibrary, reference_tools

BOUND_S = 100.0

PASSING = {
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "dns-rebinding-protection",
    # It finds nothing to check: without sessions there is no stream that could be resumed.
    "server-sse-polling",
    "server-sse-multiple-streams",
}

_TOOL = "calls a tool of the reference server"
_PROMPT = "needs prompts, of which we have none"
_ASKING = "asks the client during a call, which a stateless server cannot"

FAILING = {
    "tools-call-simple-text": _TOOL,
    "tools-call-image": _TOOL,
    "tools-call-audio": _TOOL,
    "tools-call-embedded-resource": _TOOL,
    "tools-call-mixed-content": _TOOL,
    "tools-call-error": _TOOL,
    "tools-call-with-progress": _TOOL,
    "json-schema-2020-12": _TOOL,
    "tools-call-with-logging": "logs to the client, which MCP 2026-07-28 has deprecated",
    "logging-set-level": "logs to the client, which MCP 2026-07-28 has deprecated",
    "tools-call-sampling": _ASKING,
    "tools-call-elicitation": _ASKING,
    "elicitation-sep1034-defaults": _ASKING,
    "elicitation-sep1330-enums": _ASKING,
    "completion-complete": "completes arguments of a prompt of the reference server",
    "resources-read-text": "reads a resource of the reference server",
    "resources-read-binary": "reads a resource of the reference server",
    "resources-templates-read": "reads a resource of the reference server",
    "resources-subscribe": "a stateless server has nobody to tell of changes",
    "resources-unsubscribe": "a stateless server has nobody to tell of changes",
    "prompts-list": _PROMPT,
    "prompts-get-simple": _PROMPT,
    "prompts-get-with-args": _PROMPT,
    "prompts-get-embedded-resource": _PROMPT,
    "prompts-get-with-image": _PROMPT,
}

WITH_REFERENCE_TOOLS = {
    "tools-call-simple-text",
    "tools-call-error",
    "json-schema-2020-12",
    "resources-read-text",
    "resources-templates-read",
}

_LINE = re.compile(r"^([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed", re.MULTILINE)


@pytest.mark.timeout(240)
async def test_the_scenarios_that_need_no_reference_server_pass_and_no_others(
    codex_home: Path, tmp_path: Path
) -> None:
    async with served(codex_home) as server:
        found = await run_suite(server, tmp_path)
    assert passed(found) == PASSING
    assert found.keys() - PASSING == FAILING.keys()


@pytest.mark.timeout(240)
async def test_with_tools_and_resources_of_the_reference_server_their_scenarios_pass_too(
    tmp_path: Path,
) -> None:
    more = reference_tools()
    async with opened(tmp_path, more=more, library=ReferenceLibrary()) as door:
        found = await run_suite(door, tmp_path)
    assert passed(found) == PASSING | WITH_REFERENCE_TOOLS


def passed(found: Mapping[str, bool]) -> set[str]:
    return {name for name, is_passed in found.items() if is_passed}


async def run_suite(server: HttpClient, folder: Path) -> dict[str, bool]:
    """Run all scenarios against a server, and return which of them pass."""
    suite = await asyncio.to_thread(conformance)
    # It cannot send a token.
    async with adding(f"Authorization: Bearer {server.token}", server.port) as port:
        url = f"http://localhost:{port}/mcp"
        process = await asyncio.create_subprocess_exec(
            *suite,
            *("server", "--url", url, "--suite", "all", "--output-dir", str(folder / "results")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(BOUND_S):
                out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    found = {name: mark == "✓" for mark, name, _, _ in _LINE.findall(out.decode())}
    assert found, out.decode()
    return found
