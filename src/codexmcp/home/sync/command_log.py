"""The block in a deployed skill by which its use is reported.

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
    """Return where the use of skills is reported: to the server that the fragment names.

    Args:
        fragment: The valid TOML of the config fragment.
    """
    servers = object_of(tomllib.loads(fragment.removeprefix("\ufeff")).get("mcp_servers"))
    url = text_of(object_of(servers.get("agentOS-portfolio")).get("url"))
    parts = urlsplit(url) if url else None
    if parts is None or not parts.scheme or not parts.netloc:
        return DEFAULT_URL
    return f"{parts.scheme}://{parts.netloc}/command-log"


def with_report(text: str, client: str, skill: str, url: str) -> str:
    """Return a skill's text with the block that asks for a report of its use.

    Args:
        text: The text of its `SKILL.md`.
        client: The client it is deployed to.
        skill: Its name.
        url: Where to report to.

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
