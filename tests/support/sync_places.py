"""Repositories and homes for tests of `codexmcp sync`, and what is in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codexmcp.home.sync.repository import FRAGMENT, MEMORY, PROFILES, SKILLS, read_repository
from codexmcp.home.sync.targets import TARGETS
from codexmcp.home.sync.use_cases import (
    ClientFolder,
    PushOptions,
    PushResult,
    RequestedChoices,
    check,
    clean,
    push,
)

FRAGMENT_TEXT = """\
[mcp_servers.agentOS-portfolio]
url = "http://127.0.0.1:3000/mcp"

[model_providers.openrouter]
name = "OpenRouter"
base_url = "https://openrouter.ai/api/v1"
"""

REPOSITORY: dict[str, str] = {
    FRAGMENT: FRAGMENT_TEXT,
    f"{PROFILES}/planner.config.toml": 'model = "planner"\n',
    f"{MEMORY}/global.md": "# Me\n",
    f"{MEMORY}/projects/p.md": "about p\n",
    f"{SKILLS}/one/SKILL.md": "---\nname: one\n---\n\nIn {{home}} for {{client}}.\n",
    f"{SKILLS}/one/scripts/run.sh": "#!/bin/sh\n",
}

OWNER: dict[str, bytes] = {
    "config.toml": b'\xef\xbb\xbf# mine\r\nmodel = "gpt-5.5"\r\n\r\n[mcp_servers.own]\r\nurl = "u"',
    "AGENTS.md": b"mine \xff\xfe\r\n\nno newline at the end",
    "skills/own/SKILL.md": b"---\nname: own\n---\n",
    "skills/.system/SKILL.md": b"Codex's own\n",
    "odd\nname": b"\x00\xff",
    "empty": b"",
}
"""A home with odd bytes."""


def fill(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a folder, and return the folder."""
    for path, data in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def tree(folder: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Return what is in a folder: modes, contents and where links lead."""
    found: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = (mode, str(path.readlink()))
        else:
            found[name] = (mode, path.read_bytes() if path.is_file() else None)
    return found


class Sync:
    """A repository and a client's folder.

    Args:
        folder: Where both are made.
        target: The client.
    """

    def __init__(self, folder: Path, target: str = "codex") -> None:
        self.repository = fill(folder / "repo", REPOSITORY)
        (self.repository / SKILLS / "one/scripts/run.sh").chmod(0o755)
        self.home = folder / target
        self.home.mkdir()
        self.place = ClientFolder(TARGETS[target], self.home)

    def push(self, options: PushOptions | None = None) -> PushResult:
        """Push."""
        return push(read_repository(self.repository), self.place, options or PushOptions())

    def clean(self, options: PushOptions | None = None) -> PushResult:
        """Take everything out."""
        return clean(self.place, options or PushOptions(rebuild=True))

    def drift(self, choices: RequestedChoices | None = None) -> dict[str, str]:
        """Return the states of what is not as it shall be, by path."""
        found = check(read_repository(self.repository), self.place, choices or RequestedChoices())
        return {each.path: each.state.value for each in found}
