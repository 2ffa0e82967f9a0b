"""The real Codex as a client of `codexmcp serve --http`."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codexmcp.codex.binary import find_codex
from codexmcp.testing import MCPCall, Surface
from tests.support.builds import CHECKOUT
from tests.support.commands import codexmcp
from tests.support.ended import run_to_end
from tests.support.http_serving import Served, served, serving
from tests.support.model_steps import LIST_TOOLS
from tests.support.supervision import BOUND_S, station
from tests.support.sync_places import tree

NAMESPACE = "agentOS_portfolio"
"""As Codex calls the server to the model. Source: 0.163.0 has no `-` in names of tools."""

ROLES = {
    "planner": "deepseek/deepseek-v4-flash",
    "tools": "qwen/qwen3-coder",
    "agentic": "moonshotai/kimi-k2.5",
    "cheap": "qwen/qwen3-coder:free",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What `codex exec` has told.

    Attributes:
        events: Its events.
        err: What it wrote to stderr.
    """

    events: Sequence[dict[str, Any]]
    err: str

    def results(self) -> list[dict[str, Any]]:
        """Return its calls of MCP tools that are over."""
        items = [event["item"] for event in self.events if event["type"] == "item.completed"]
        return [item for item in items if item["type"] == "mcp_tool_call"]


async def codex_exec(
    server: Served, prompt: str, *words: str, home: Path | None = None, **env: str
) -> Told:
    """Run the real Codex on a prompt, in the folder of the server's file tools."""
    whole = {**server.here.env, **({"CODEX_HOME": str(home)} if home else {}), **env}
    command = [str(find_codex(None)), "exec", "--skip-git-repo-check", "--json", *words]
    ended = await run_to_end([*command, prompt], whole, cwd=server.root, bound_s=BOUND_S)
    assert ended.code == 0, ended.err
    return Told([json.loads(line) for line in ended.out.splitlines()], ended.err)


def connect(home: Path, url: str) -> None:
    """Name the server in a Codex home, as the seed's fragment does."""
    config = home / "config.toml"
    server = f'\n[mcp_servers.agentOS-portfolio]\nurl = "{url}"\n'
    config.write_text(config.read_text() + server + 'bearer_token_env_var = "AGENTOS_TOKEN"\n')


async def test_codex_lists_reads_and_replaces_and_gets_nothing_from_outside(
    codex_home: Path,
) -> None:
    async with served(codex_home) as server:
        connect(codex_home, server.url)
        (server.root / "a.txt").write_text("one\ntwo\n")
        (server.root / "portfolio").mkdir()
        (server.root / "portfolio" / "me.md").write_text("# Me\n")
        calls = [
            MCPCall(NAMESPACE, "agentOS_fs_list", {"path": "."}),
            MCPCall(NAMESPACE, "agentOS_fs_read", {"path": "a.txt"}),
            MCPCall(NAMESPACE, "list_portfolio_files"),
            MCPCall(NAMESPACE, "agentOS_fs_read", {"path": "../config.toml"}),
            MCPCall(
                NAMESPACE,
                "agentOS_fs_replace",
                {"path": "a.txt", "old_text": "two", "new_text": "three"},
            ),
        ]
        server.here.model.on("work", *calls)
        approve = 'mcp_servers.agentOS-portfolio.default_tools_approval_mode="approve"'
        told = await codex_exec(
            server, "work", "--sandbox", "read-only", "-c", approve, AGENTOS_TOKEN=server.token
        )
        listed, read, portfolio, outside, replaced = told.results()
        assert {each["name"] for each in _fields(listed)["entries"]} == {"a.txt", "portfolio"}
        assert _fields(read)["content"] == "one\ntwo\n"
        assert [each["filename"] for each in _fields(portfolio)["files"]] == ["me.md"]
        assert "config.toml" in json.dumps(outside["result"])
        assert "model_provider" not in json.dumps(outside["result"])
        assert replaced["status"] == "completed"
        # Codex's own sandbox could not have written it; the server is outside of it.
        assert (server.root / "a.txt").read_text() == "one\nthree\n"
        by_tool = (await server.ask("/status", token=server.token)).fields["requests"]["byTool"]
        assert by_tool["agentOS_fs_read"] == 2


def _fields(result: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = result["result"]["structured_content"]
    return fields


async def test_codex_with_a_wrong_token_or_without_the_server_goes_on_without_its_tools(
    codex_home: Path,
) -> None:
    async with station(codex_home) as here:
        async with serving(here) as server:
            connect(codex_home, server.url)
            for prompt in ("with", "one", "two"):
                here.model.on(prompt, LIST_TOOLS)
            await codex_exec(server, "with", AGENTOS_TOKEN=server.token)
            await codex_exec(server, "one", AGENTOS_TOKEN="x" * 40)
            await here.killed(server.pid)
            await codex_exec(server, "two", AGENTOS_TOKEN=server.token)
        listed = [request.turn.steps[-1]["output"] for request in here.model.requests[1::2]]
        assert ["exec_command" in json.dumps(each) for each in listed] == [True, True, True]
        assert [NAMESPACE in json.dumps(each) for each in listed] == [True, False, False]


@pytest.fixture
def own_home() -> Iterator[Path]:
    """A Codex home beside that of the server."""
    home = CHECKOUT / ".cache" / "homes" / uuid.uuid4().hex
    home.mkdir(parents=True, mode=0o700)
    yield home
    shutil.rmtree(home)


async def test_a_fresh_home_is_set_up_used_and_left_as_it_was(
    codex_home: Path, own_home: Path, tmp_path: Path
) -> None:
    repository = str(tmp_path / "agentos")
    (own_home / "config.toml").write_bytes(b'# mine\r\nmodel_reasoning_effort = "low"\r\n')
    (own_home / "AGENTS.md").write_bytes(b"mine \xff, no newline")
    before = tree(own_home)
    async with served(codex_home) as server:
        assert (await codexmcp(own_home, "init", repository)).code == 0
        _point(Path(repository), server.url)
        assert (await codexmcp(own_home, "sync", "push-runtime", "--repo", repository)).code == 0
        added = await codexmcp(own_home, "profiles", "add", *ROLES)
        assert added.code == 0, added
        pushed = tree(own_home)
        for role in ROLES:
            await _use(server, own_home, role)
        checked = await codexmcp(own_home, "sync", "check-sync", "--repo", repository)
        assert checked.code == 0, checked
        await _report_use(server, own_home)
    used = tree(own_home)
    cleaned = await codexmcp(
        own_home, "sync", "clean-runtime", "--no-redeploy", "--repo", repository
    )
    assert cleaned.code == 0, cleaned
    written = used.keys() - pushed.keys()
    folders = {str(each) for path in written for each in Path(path).parents} & used.keys()
    by_codex = {path: used[path] for path in written | folders}
    assert tree(own_home) == {**before, **by_codex}


def _point(repository: Path, url: str) -> None:
    """Let a repository's fragment name the server of the test."""
    fragment = repository / "clients" / "codex" / "config-fragment.toml"
    fragment.write_text(fragment.read_text().replace("http://127.0.0.1:3000/mcp", url))


async def _use(server: Served, home: Path, role: str) -> None:
    """Have Codex work with a profile, and call a tool over HTTP."""
    model = server.here.model
    # Codex does not know these models, and so offers them plain tools.
    model.surface = Surface.PLAIN
    model.on(role, MCPCall(NAMESPACE, "agentOS_fs_list", {"path": "."}))
    endpoint = f'model_providers.openrouter.base_url="{model.base_url}"'
    told = await codex_exec(
        server,
        role,
        "--profile",
        role,
        "-c",
        endpoint,
        home=home,
        AGENTOS_TOKEN=server.token,
        OPENROUTER_API_KEY="key-of-openrouter",
    )
    assert [each["status"] for each in told.results()] == ["completed"], role
    requests = [each for each in model.requests if each.turn.prompt == role]
    assert {each.body["model"] for each in requests} == {ROLES[role]}
    assert "key-of-openrouter" not in json.dumps([each.body for each in requests])


async def _report_use(server: Served, home: Path) -> None:
    """Run the command that a deployed skill has its reader run."""
    skill = (home / "skills" / "commit-style" / "SKILL.md").read_text()
    found = re.search(r"```sh\n(curl .*)\n```", skill)
    assert found is not None
    process = await asyncio.create_subprocess_shell(found[1])
    async with asyncio.timeout(BOUND_S):
        assert await process.wait() == 0
    told = (await server.ask("/status", token=server.token)).fields["telemetry"]
    assert told["counts"]["command-log"] == {"commit-style": 1}
    assert told["last"][0]["client"] == "codex"
