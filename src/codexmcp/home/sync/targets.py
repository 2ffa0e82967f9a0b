"""The target clients of a repository, and their file layouts.

Pure. Source: Codex as measured (0.163.0); Claude Code's pages on memory and skills; Cursor's page
on skills. Cursor keeps its user rules in its settings, out of reach of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeVar

from codexmcp.data_classes import dataclass

P = TypeVar("P", bound=PurePath)

MEMORIES = "agentos-memories"
NATIVE_MEMORIES = "memories"
"""The folder of Codex's own memories, if enabled."""


@dataclass(frozen=True, slots=True)
class Target:
    """A client.

    Attributes:
        name: The client's name.
        folder: The client's folder in the user's home.
        variable: The environment variable for another folder; None without a variable.
        instructions: The instructions file loaded at every start; None if the client has no such
            file.
        override: The file that replaces a non-empty `instructions`.
        has_config: The client reads `config.toml` and profiles.
    """

    name: str
    folder: str
    variable: str | None = None
    instructions: str | None = None
    override: str | None = None
    has_config: bool = False

    @property
    def skills(self) -> str:
        """The skills folder in the client's folder."""
        return "skills"


TARGETS = {
    target.name: target
    for target in (
        Target(
            "codex",
            ".codex",
            variable="CODEX_HOME",
            instructions="AGENTS.md",
            override="AGENTS.override.md",
            has_config=True,
        ),
        Target("claude", ".claude", variable="CLAUDE_CONFIG_DIR", instructions="CLAUDE.md"),
        Target("cursor", ".cursor"),
    )
}


def home_of(target: Target, env: Mapping[str, str], user_home: P) -> P:
    """Return the folder of a client."""
    named = env.get(target.variable) if target.variable else None
    # Joining an absolute path replaces the first path.
    return user_home / named if named else user_home / target.folder


def token_values(
    target: Target, home: PurePath, repository: PurePath, memories: str
) -> dict[str, str]:
    """Return the values of the tokens, except `{{skill}}`.

    Args:
        target: The client.
        home: The client's folder.
        repository: The repository.
        memories: The memories folder in `home`.
    """
    # Always `/`: a backslash would be an escape in most parts of a skill.
    return {
        "client": target.name,
        "home": home.as_posix(),
        "memories": (home / memories).as_posix(),
        "repo": repository.as_posix(),
        "skills": (home / target.skills).as_posix(),
    }
