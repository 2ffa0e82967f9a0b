"""The files and links by which clients find and start our server, all from one server line.

`uv run python -m scripts.manifests` writes them; `tests/unit/test_manifests.py` compares them.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

CHECKOUT = Path(__file__).parents[1]
COMMAND = "uv run python -m scripts.manifests"

SERVER_NAME = "codex"
SERVER = {"command": "codexmcp", "args": ["mcp-server", "--shared"]}
"""The server line, with the command of an installed `codexmcp`.

Not `uvx`: a command that fetches an unpinned package at each start would run whatever has its name.
"""

PLUGIN = "codexmcp"
PLUGIN_DESCRIPTION = "Delegate work to OpenAI's Codex: runs in the background, reviews, approvals."
PLUGIN_FOLDER = f"plugins/{PLUGIN}"

REGISTRY_NAME = "io.github.codexmcp/codexmcp-agents"
"""Our name in the MCP registry.

Source: the registry accepts `io.github.ACCOUNT/...` from that account of GitHub alone, and packages
of PyPI whose README has `mcp-name: NAME` (README.md and internal/validators/registries/pypi.go of
modelcontextprotocol/registry).
"""

REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

_CLIENTS = "docs/how-to/clients.md"


def files() -> dict[str, str]:
    """Return the text of each file, by its path in the checkout."""
    project = _project()
    return {
        ".claude-plugin/marketplace.json": _json(_marketplace(project)),
        f"{PLUGIN_FOLDER}/.claude-plugin/plugin.json": _json(_plugin(project)),
        "server.json": _json(_registry(project)),
        _CLIENTS: _with_links((CHECKOUT / _CLIENTS).read_text(encoding="utf-8")),
    }


def links() -> dict[str, str]:
    """Return the install links, by their label in the page of clients.

    Source: https://cursor.com/docs/mcp/install-links, and "MCP URL handler" in
    https://code.visualstudio.com/docs/copilot/guides/mcp-developer-guide.
    """
    config = base64.b64encode(_compact(SERVER).encode()).decode()
    cursor = "cursor://anysphere.cursor-deeplink/mcp/install"
    named = quote(_compact({"name": SERVER_NAME, **SERVER}), safe="")
    return {
        "cursor": f"{cursor}?name={SERVER_NAME}&config={quote(config, safe='')}",
        "vscode": f"vscode:mcp/install?{named}",
        "vscode-insiders": f"vscode-insiders:mcp/install?{named}",
    }


def _project() -> dict[str, Any]:
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def _summary(project: dict[str, Any]) -> str:
    return str(project["description"]).split(":")[0] + "."


def _marketplace(project: dict[str, Any]) -> dict[str, Any]:
    plugin = {
        "name": PLUGIN,
        "source": f"./{PLUGIN_FOLDER}",
        "description": PLUGIN_DESCRIPTION,
    }
    return {
        "name": PLUGIN,
        "description": _summary(project),
        "owner": {"name": PLUGIN},
        "plugins": [plugin],
    }


def _plugin(project: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": PLUGIN,
        "version": project["version"],
        "description": PLUGIN_DESCRIPTION,
        "author": {"name": PLUGIN},
        "license": project["license"],
        "keywords": project["keywords"],
        "mcpServers": {SERVER_NAME: SERVER},
    }


def _registry(project: dict[str, Any]) -> dict[str, Any]:
    # `uvx NAME` runs the script of the package's own name, which pyproject.toml has for this.
    package = {
        "registryType": "pypi",
        "identifier": project["name"],
        "version": project["version"],
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "packageArguments": [_argument(each) for each in SERVER["args"]],
        "environmentVariables": [
            {"name": "CODEX_HOME", "description": "Codex home, in place of ~/.codex."},
            {
                "name": "OPENAI_API_KEY",
                "description": "Key for a Codex without a login.",
                "isSecret": True,
            },
        ],
    }
    return {
        "$schema": REGISTRY_SCHEMA,
        "name": REGISTRY_NAME,
        "title": PLUGIN,
        "description": _summary(project),
        "version": project["version"],
        "packages": [package],
    }


def _argument(word: str) -> dict[str, str]:
    if word.startswith("--"):
        return {"type": "named", "name": word}
    return {"type": "positional", "value": word}


def _with_links(page: str) -> str:
    """Return the page of clients with the present targets of its install links."""
    for label, url in links().items():
        page, count = re.subn(rf"(?m)^\[{label}\]: .*$", f"[{label}]: {url}", page)
        if count != 1:
            raise ValueError(f"{_CLIENTS} has {count} definitions of the link {label}, not one")
    return page


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        (CHECKOUT / path).parent.mkdir(parents=True, exist_ok=True)
        (CHECKOUT / path).write_text(text, encoding="utf-8")
