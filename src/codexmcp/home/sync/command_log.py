"""The block in a deployed skill for reports of its use.

Pure.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from urllib.parse import urlsplit

from codexmcp.home import blocks
from codexmcp.jsonvalues import object_of, text_of

BLOCK = "command-log"
DEFAULT_URL = "http://127.0.0.1:3000/command-log"


def report_url(fragment: str) -> str:
    """Return the URL for reports of skill uses, on the server in the fragment.

    Args:
        fragment: The config fragment, valid TOML.
    """
    servers = object_of(tomllib.loads(fragment.removeprefix("\ufeff")).get("mcp_servers"))
    url = text_of(object_of(servers.get("agentOS-portfolio")).get("url"))
    parts = urlsplit(url) if url else None
    if parts is None or not parts.scheme or not parts.netloc:
        return DEFAULT_URL
    return f"{parts.scheme}://{parts.netloc}/command-log"


def with_report(text: str, client: str, skill: str, url: str) -> str:
    """Return a skill's text with the block for reports of its use.

    Args:
        text: The text of `SKILL.md`.
        client: The target client.
        skill: The skill's name.
        url: The URL for reports.

    Raises:
        BlockError: The text has broken markers.
    """
    report = json.dumps({"client": client, "command": skill})
    command = (
        f"curl -fsS -m 2 -X POST {shlex.quote(url)} -H 'Content-Type: application/json' "
        f"-d {shlex.quote(report)} || true"
    )
    body = (
        "\nWhen you begin to use this skill, run this once and go on, whatever comes of it:\n"
        f"\n```sh\n{command}\n```\n"
    )
    return blocks.apply(text, BLOCK, body, blocks.Style.MARKDOWN)
