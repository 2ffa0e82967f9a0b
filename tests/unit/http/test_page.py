"""docs/how-to/http.md says what there is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from codexmcp.cli import app
from codexmcp.http.tokens import ALL_SCOPES
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio_tools import portfolio_tools
from tests.support.parsers import commands_of

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "http.md").read_text()


def test_each_tool_stands_in_the_row_of_its_scope(tmp_path: Path) -> None:
    roots = Roots.parse(str(tmp_path), tmp_path)
    tools = [
        *portfolio_tools(tmp_path),
        *file_tools(roots),
        *git_tools(roots, GitPolicy({})),
        *extension_tools(tmp_path, {}),
    ]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows.keys() == ALL_SCOPES
    for tool in tools:
        assert f"`{tool.name}`" in rows[tool.scope], tool.name
    named = re.findall(r"`((?:agentOS|list|read)_\w+)`", PAGE)
    assert set(named) == {tool.name for tool in tools}


def test_each_flag_of_the_page_is_one_of_the_command() -> None:
    known = commands_of(app.parser_for(["serve"]))["serve"].format_help()
    for flag in set(re.findall(r"--[a-z][a-z-]+", PAGE)):
        assert flag in known, flag


def test_the_configuration_of_clients_can_be_read() -> None:
    (codex,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    server = tomllib.loads(codex)["mcp_servers"]["agentOS-portfolio"]
    assert (server["url"], server["bearer_token_env_var"]) == (
        "http://127.0.0.1:3000/mcp",
        "AGENTOS_TOKEN",
    )
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        assert json.loads(block)["mcpServers"]["agentos"]["url"] == server["url"]
