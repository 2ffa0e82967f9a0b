"""The clients that a repository is deployed to, and where each keeps what.

Pure. Source: Codex as measured (0.163.0); Claude Code's pages on memory and skills; Cursor's page
on skills. Cursor keeps its user rules in its settings, where no file reaches them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

P = TypeVar("P", bound=PurePath)

MEMORIES = "agentos-memories"
NATIVE_MEMORIES = "memories"
"""Where Codex keeps what it remembers by itself, if that is switched on."""


@dataclass(frozen=True, slots=True)
class Target:
    """A client.

    Attributes:
        name: What it is called.
        folder: Its folder in the user's home.
        variable: The variable that names another folder; None without one.
        instructions: The file in its folder that it reads at every start; None without one.
        override: The file that takes the place of `instructions` when it is not empty.
        has_config: Whether it reads `config.toml` and profiles.
    """

    name: str
    folder: str
    variable: str | None = None
    instructions: str | None = None
    override: str | None = None
    has_config: bool = False

    @property
    def skills(self) -> str:
        """The folder in its folder that it reads skills from."""
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
    """Return the folder of a client.

    Args:
        target: The client.
        env: The environment.
        user_home: The user's home folder.
    """
    named = env.get(target.variable) if target.variable else None
    # An absolute path takes the place of what it is joined to.
    return user_home / named if named else user_home / target.folder


def token_values(
    target: Target, home: PurePath, repository: PurePath, memories: str
) -> dict[str, str]:
    """Return what the tokens stand for, but for `{{skill}}`.

    Args:
        target: The client.
        home: Its folder.
        repository: The repository.
        memories: The folder of memories in `home`.
    """
    # With `/` on every system: a backslash would be an escape in most places of a skill.
    return {
        "client": target.name,
        "home": home.as_posix(),
        "memories": (home / memories).as_posix(),
        "repo": repository.as_posix(),
        "skills": (home / target.skills).as_posix(),
    }
