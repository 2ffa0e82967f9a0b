"""A starter repository.

Pure except `start`.
"""

from __future__ import annotations

from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home.atomic_write import put
from codexmcp.home.changes import read_file
from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.home.profiles.fragments import fragment_text
from codexmcp.home.sync.repository import FRAGMENT, MEMORY, PROFILES, SKILL_FILE, SKILLS

STARTER_PROFILES = ("planner", "tools", "agentic", "cheap")

_MODE = 0o644

# Source: Codex refuses to start with a provider without a name (0.153.4, 0.163.0 and 0.169.0).
_FRAGMENT = """\
# Deployed to config.toml between markers. Keys never stand here, only the names of variables.
[mcp_servers.agentOS-portfolio]
url = "http://127.0.0.1:3000/mcp"
enabled = true
startup_timeout_sec = 10
tool_timeout_sec = 60
bearer_token_env_var = "AGENTOS_TOKEN"
# Codex calls its tools without asking. Otherwise it refuses those that write in unattended runs.
default_tools_approval_mode = "approve"

[model_providers.openrouter]
name = "OpenRouter"
base_url = "https://openrouter.ai/api/v1"
env_key = "OPENROUTER_API_KEY"
wire_api = "responses"
"""

_GLOBAL = """\
# Who I am

Replace this by what every client should know of you and of the tools you use.
"""

_CONVENTIONS = """\
# Conventions

Replace this by how you want work to be done: languages, style, tests, commits.
"""

_SKILL = """\
---
name: commit-style
description: How to write commit messages. Use it whenever you write one.
---

Write the subject as an imperative sentence of at most 50 characters, without a full stop. Leave
one line empty, then say why the change is made; what it does, the diff shows.
"""

_README = """\
# One place for config, memories and skills

| Path | Deployed to |
|---|---|
| `clients/codex/config-fragment.toml` | a block in Codex's `config.toml` |
| `clients/codex/profiles/NAME.config.toml` | `codex --profile NAME` |
| `clients/shared/memory/` | each client's `agentos-memories/` and file of instructions |
| `clients/shared/skills/` | each client's `skills/` |

    codexmcp sync push-runtime --dry-run
    codexmcp sync push-runtime
    codexmcp sync check-sync

The MCP server of the fragment wants a token, which `codexmcp serve --http` makes. Codex reads it
from a variable:

    export AGENTOS_TOKEN="$(cat ~/.agentos/token)"

Add `--target claude`, `--target cursor` or `--target all` for other clients. `pull-runtime` copies
what a client holds to `clients/CLIENT/` for a look; read it before you commit it.

In skills, `{{client}}`, `{{home}}`, `{{memories}}`, `{{repo}}`, `{{skill}}` and `{{skills}}` stand
for what they say; for the braces themselves write `\\{{client}}`.
"""


def starter_files() -> dict[str, str]:
    """Return the texts of the files by path."""
    profiles = {
        f"{PROFILES}/{name}{PROFILE_SUFFIX}": fragment_text(name) for name in STARTER_PROFILES
    }
    return {
        "README.md": _README,
        FRAGMENT: _FRAGMENT,
        **profiles,
        f"{MEMORY}/global.md": _GLOBAL,
        f"{MEMORY}/conventions.md": _CONVENTIONS,
        f"{MEMORY}/projects/.gitkeep": "",
        f"{SKILLS}/commit-style/{SKILL_FILE}": _SKILL,
    }


def start(folder: Path) -> list[Path]:
    """Create a repository, and return the written files.

    Args:
        folder: The repository's folder; identical existing files stay.

    Raises:
        ConfigurationError: A file with other contents exists; then nothing is written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file, so nothing was written; name a folder")
    files = {folder / path: text.encode() for path, text in starter_files().items()}
    there = {path: read_file(path) for path in files}
    taken = [str(path) for path, data in there.items() if data not in {None, files[path]}]
    if taken:
        raise ConfigurationError(
            f"{', '.join(taken)} is there already, so nothing was written; name another folder, or "
            "go on with what is there: `codexmcp sync push-runtime`"
        )
    new = [path for path, data in there.items() if data is None]
    try:
        for path in new:
            path.parent.mkdir(parents=True, exist_ok=True)
            put(str(path), files[path], mode=_MODE)
    except OSError as error:
        raise ConfigurationError(f"cannot write {error.filename}: {error.strerror}") from None
    return new
