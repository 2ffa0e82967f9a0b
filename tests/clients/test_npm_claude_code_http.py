"""Claude Code as a client of the HTTP server, by the configuration of docs/how-to/http.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.clients.messages_api import QUIET, messages_api
from tests.clients.user import User
from tests.support.builds import CHECKOUT
from tests.support.http_door import opened


async def test_its_model_reads_a_file_over_http(claude_user: User, tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "how-to" / "http.md").read_text()
    documented = re.search(r"Claude Code \(`\.mcp\.json`\):\n\n```json\n(.*?)\n```", page)
    assert documented is not None
    folder = tmp_path / "door"
    folder.mkdir()
    async with opened(folder) as door:
        (door.root / "a.txt").write_text("read over HTTP\n")
        text = documented[1].replace("http://127.0.0.1:3000/mcp", door.url)
        (claude_user.folder / ".mcp.json").write_text(text)
        ask = ["claude", "--print", "go", "--mcp-config", ".mcp.json"]
        ask += ["--allowedTools", "mcp__agentos"]
        call = ("mcp__agentos__agentOS_fs_read", {"path": "a.txt"})
        seen: list[str] = []

        def answer(result: str) -> tuple[str, dict[str, str]]:
            seen.append(result)
            return ("mcp__agentos__agentOS_fs_list", {"path": "."})

        with messages_api([call, answer, "done"]) as base_url:
            variables = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": base_url}
            ran = await claude_user.run(ask, **QUIET, **variables, AGENTOS_TOKEN=door.token)
        assert ran.worked().out == "done\n"
    assert json.loads(seen[0])["content"] == "read over HTTP\n"
