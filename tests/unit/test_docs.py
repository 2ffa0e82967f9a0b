"""Names in the README and in docs are those of the code, and every page has its place."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator

from codexmcp.errors import ExitCode
from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.server.tools import tool_definitions
from scripts.reference import environment
from scripts.reference.tools import workspace_tools
from tests.clients import install
from tests.support.builds import CHECKOUT
from tests.support.documented import PAGES

DOCS = CHECKOUT / "docs"
OF_CODEX = {"codex_tool", "codex_reply", "codex_error_info"}
"""Names of Codex and of the Agents SDK that look like tools of ours."""


def test_every_page_is_in_the_navigation_and_in_the_index() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    site = tomllib.loads((CHECKOUT / "zensical.toml").read_text(encoding="utf-8"))
    assert set(_texts(site["project"]["nav"])) == pages
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([^)]+)\)", index)) == pages - {"index.md"}


def test_every_variable_in_the_pages_is_described() -> None:
    described = environment.described()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:CODEX|CODEXMCP|AGENTOS)_[A-Z_]*[A-Z]\b", text))
        assert named - described.keys() == set(), page


def test_every_tool_in_the_pages_exists() -> None:
    tools = {each["name"] for each in [*tool_definitions(strict=False), *run_tool_definitions()]}
    tools |= {tool.name for tool in workspace_tools()}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:codex|agentOS)_[a-z_]*[a-z]\b(?!\.py)", text))
        assert named - tools - OF_CODEX == set(), page


def test_clients_are_of_the_versions_that_tests_run() -> None:
    text = (DOCS / "how-to" / "clients.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| (\d+\.\d+\.\d+) \|", text, re.MULTILINE)
    assert dict(rows) == {
        "Claude Code on a terminal": install.CLAUDE_CODE,
        "Claude Code, `--print`": install.CLAUDE_CODE,
        "Codex": importlib.metadata.version("openai-codex-cli-bin"),
        "OpenAI Agents SDK": importlib.metadata.version("openai-agents"),
        "MCP Python SDK 2": importlib.metadata.version("mcp"),
        "MCP Python SDK 1": install.MCP_SDK_V1,
        "MCP TypeScript SDK 2": install.TYPESCRIPT_SDK,
        "MCP Inspector": install.INSPECTOR,
    }
    assert f"`@modelcontextprotocol/ext-tasks` {install.TYPESCRIPT_TASKS}" in text


def test_every_exit_code_in_a_table_exists() -> None:
    codes = {code.value for code in ExitCode}
    for name in ("how-to/agents.md", "how-to/runs.md", "reference/codes.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        found = {int(each) for each in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
        assert found <= codes, name
        assert found, name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
