"""The official conformance suite of MCP against our HTTP server.

A revision of MCP has a fixed set of scenarios. Most of them call tools, prompts and resources of a
reference server; the scenarios that do not pass are listed with the reason. The scenarios of tasks
need work with known ends, so they run against the product's server with other work behind it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from tests.clients.install import CONFORMANCE, conformance
from tests.support.adding_proxy import adding
from tests.support.builds import CHECKOUT
from tests.support.http_client import HttpClient
from tests.support.http_serving import served
from tests.support.task_fixtures import task_server

BOUND_S = 100.0
HANDSHAKE, MODERN = "2025-11-25", "2026-07-28"

_TOOL = "calls a tool of the reference server"
_RESOURCE = "reads a resource of the reference server"
_PROMPT = "needs prompts, of which we have none"
_ASKING = "asks the client during a call, which a stateless server cannot"
_LOGGING = "logs to the client, which MCP 2026-07-28 has deprecated"
_INPUT = "a tool of it asks before its result; ours do so on stdio alone, and over HTTP in tasks"

_NEVER = {
    "tools-call-image": "needs an image as a result; our tools answer texts",
    "tools-call-audio": "needs a sound as a result; our tools answer texts",
    "tools-call-embedded-resource": "needs a resource as a result; our tools answer texts",
    "tools-call-mixed-content": "needs an image as a result; our tools answer texts",
    "tools-call-with-progress": _TOOL,
    "resources-read-binary": "needs a resource of bytes; ours are texts",
    "completion-complete": "completes arguments of a prompt of the reference server",
    "prompts-get-simple": _PROMPT,
    "prompts-get-with-args": _PROMPT,
    "prompts-get-embedded-resource": _PROMPT,
    "prompts-get-with-image": _PROMPT,
}
_NEVER_HANDSHAKE = {
    **_NEVER,
    "tools-call-with-logging": _LOGGING,
    "logging-set-level": _LOGGING,
    "tools-call-sampling": _ASKING,
    "tools-call-elicitation": _ASKING,
    "elicitation-sep1034-defaults": _ASKING,
    "elicitation-sep1330-enums": _ASKING,
    "resources-subscribe": "a stateless server has nobody to tell of changes",
    "resources-unsubscribe": "a stateless server has nobody to tell of changes",
}
_NEVER_MODERN = {
    **_NEVER,
    "input-required-result-basic-elicitation": _INPUT,
    "input-required-result-basic-sampling": _INPUT,
    "input-required-result-basic-list-roots": _INPUT,
    "input-required-result-request-state": _INPUT,
    "input-required-result-multiple-input-requests": _INPUT,
    "input-required-result-multi-round": _INPUT,
    "input-required-result-result-type": _INPUT,
    "input-required-result-tampered-state": _INPUT,
    "input-required-result-capability-check": _INPUT,
    "input-required-result-non-tool-request": _PROMPT,
}

_NEEDS_FIXTURE = {
    "tools-call-simple-text": _TOOL,
    "tools-call-error": _TOOL,
    "json-schema-2020-12": _TOOL,
    "resources-read-text": _RESOURCE,
    "resources-templates-read": _RESOURCE,
    "prompts-list": _PROMPT,
}
_NEEDS_MODERN_FIXTURE = {
    **_NEEDS_FIXTURE,
    "server-stateless": _TOOL,
    "caching": "asks for the list of prompts, of which we have none",
    "http-custom-header-server-validation": "needs an argument in a header; our tools have none",
    "tasks-lifecycle": _TOOL,
    "tasks-capability-negotiation": _TOOL,
    "tasks-wire-fields": _TOOL,
    "tasks-request-state-removal": _TOOL,
    "tasks-mrtr-input": _TOOL,
    "tasks-request-headers": _TOOL,
    "tasks-dispatch-and-envelope": _TOOL,
    "tasks-required-task-error": _TOOL,
    "tasks-mrtr-composition": _TOOL,
}

FAILING = {HANDSHAKE: _NEVER_HANDSHAKE, MODERN: _NEVER_MODERN}
"""Scenarios that no server of ours passes, and why."""

FAILING_WITHOUT_FIXTURES = {
    HANDSHAKE: {**_NEVER_HANDSHAKE, **_NEEDS_FIXTURE},
    MODERN: {**_NEVER_MODERN, **_NEEDS_MODERN_FIXTURE},
}
"""Scenarios that `codexmcp serve --http` does not pass, and why."""

EMPTY = {
    # Without sessions no stream can be resumed; its own notifications the suite cannot hear yet.
    HANDSHAKE: {
        "server-sse-polling",
        "server-sse-multiple-streams",
        "server-session-lifecycle",
    },
    MODERN: {"tasks-status-notifications"},
}
"""Scenarios that pass without a single check."""

SCENARIOS = {HANDSHAKE: 33, MODERN: 50}
"""The number of scenarios of a revision."""

_LINE = re.compile(r"^([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed", re.MULTILINE)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("revision", [HANDSHAKE, MODERN])
async def test_the_server_passes_all_scenarios_but_the_listed_ones(
    codex_home: Path, tmp_path: Path, revision: str
) -> None:
    async with served(codex_home) as server:
        found = await run_suite(server, tmp_path, revision)
    judge(found, FAILING_WITHOUT_FIXTURES[revision], revision)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("revision", [HANDSHAKE, MODERN])
async def test_with_tasks_and_tools_of_the_reference_server_their_scenarios_pass_too(
    tmp_path: Path, revision: str
) -> None:
    async with task_server(tmp_path) as server:
        found = await run_suite(server, tmp_path, revision)
    judge(found, FAILING[revision], revision)


def test_the_documentation_has_these_numbers() -> None:
    page = (CHECKOUT / "docs" / "how-to" / "clients.md").read_text()
    assert f"conformance suite of MCP ({CONFORMANCE})" in page
    for revision, number in SCENARIOS.items():
        passed, with_tools = (
            number - len(failing[revision]) for failing in (FAILING_WITHOUT_FIXTURES, FAILING)
        )
        assert f"| {revision} | {number} | {passed} | {with_tools} |" in page


def judge(found: Mapping[str, tuple[bool, int]], failing: Collection[str], revision: str) -> None:
    """Check that no scenario fails but the listed ones, and that each of these does fail."""
    assert {name for name, (is_passed, _) in found.items() if not is_passed} == set(failing)
    assert {name for name, (_, checks) in found.items() if not checks} == EMPTY[revision]
    assert len(found) == SCENARIOS[revision]


async def run_suite(server: HttpClient, folder: Path, revision: str) -> dict[str, tuple[bool, int]]:
    """Run the scenarios of a revision; return whether each passes, and its number of checks."""
    suite = await asyncio.to_thread(conformance)
    # It cannot send a token.
    async with adding(f"Authorization: Bearer {server.token}", server.port) as port:
        url = f"http://localhost:{port}/mcp"
        process = await asyncio.create_subprocess_exec(
            *suite,
            *("server", "--url", url, "--requirements", revision),
            *("--output-dir", str(folder / "results")),
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
    found = {
        name: (mark == "✓", int(passed) + int(failed))
        for mark, name, passed, failed in _LINE.findall(out.decode())
    }
    assert found, out.decode()
    return found
