"""Start of `codex exec` with settings beyond those of the SDK's `codex_tool`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from codexmcp.appserver.spawn import parent_death_hook
from codexmcp.data_classes import dataclass
from codexmcp.errors import UsageError
from codexmcp.network import direct_to_loopback

NOT_FOR_PEOPLE = "newway.py starts this; run newway.py instead"

VARIABLE = "CODEXMCP_EXEC"
"""Environment variable with the launch. Codex does not inherit it."""


@dataclass(frozen=True, slots=True)
class ExecLaunch:
    """Parameters of the start.

    Attributes:
        codex: Path of the Codex binary.
        overrides: Settings in the syntax of `-c`.
        replaces_sandbox: The settings have a permissions profile; `--sandbox` would override it.
        log: The file for stderr.
    """

    codex: str
    overrides: Sequence[str]
    replaces_sandbox: bool
    log: str

    def to_json(self) -> str:
        """Return the value for the environment variable."""
        return json.dumps(asdict(self))

    def command_line(self, arguments: Sequence[str]) -> list[str]:
        """Return Codex's command line.

        Args:
            arguments: The SDK's arguments, `exec` first.
        """
        subcommand, *rest = arguments
        if self.replaces_sandbox and "--sandbox" in rest:
            at = rest.index("--sandbox")
            del rest[at : at + 2]
        # After the subcommand: its own settings discard settings before the subcommand.
        settings = [word for setting in self.overrides for word in ("-c", setting)]
        return [self.codex, subcommand, *settings, *rest]


def become_codex() -> None:
    """Replace this process with Codex.

    Raises:
        UsageError: Started by a person.
    """
    given = os.environ.pop(VARIABLE, None)
    if given is None:
        raise UsageError(NOT_FOR_PEOPLE)
    launch = ExecLaunch(**json.loads(given))
    # Survives exec: a kill of the agent's program also ends Codex.
    hook = parent_death_hook(os.getppid())
    if hook is not None:
        hook()
    log = os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, sys.stderr.fileno())
    command = launch.command_line(sys.argv[1:])
    os.execve(command[0], command, direct_to_loopback(os.environ))  # noqa: S606 - no shell is wanted
