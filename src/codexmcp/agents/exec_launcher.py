"""`codexmcp-exec`: starts `codex exec` with settings that the SDK's `codex_tool` cannot pass.

Replaces itself by Codex, so that signals and the exit code are Codex's own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from codexmcp.appserver.child import parent_death_hook

NOT_FOR_PEOPLE = "codexmcp-exec is started by newway.py; run newway.py instead"

VARIABLE = "CODEXMCP_EXEC"
"""Environment variable that holds the launch. Codex does not inherit it."""


@dataclass(frozen=True, slots=True)
class ExecLaunch:
    """What to start.

    Attributes:
        codex: Path of the Codex binary.
        overrides: Settings as `-c` takes them.
        replaces_sandbox: Whether they hold a permissions profile, which `--sandbox` would beat.
    """

    codex: str
    overrides: Sequence[str]
    replaces_sandbox: bool

    def to_json(self) -> str:
        """Return the launch as the variable holds it."""
        return json.dumps(asdict(self))

    def command_line(self, arguments: Sequence[str]) -> list[str]:
        """Return Codex's command line.

        Args:
            arguments: What the SDK passes, `exec` first.
        """
        subcommand, *rest = arguments
        if self.replaces_sandbox and "--sandbox" in rest:
            at = rest.index("--sandbox")
            del rest[at : at + 2]
        # After the subcommand: settings before it are lost when it has settings of its own.
        settings = [word for setting in self.overrides for word in ("-c", setting)]
        return [self.codex, subcommand, *settings, *rest]


def main() -> None:
    """Become Codex."""
    given = os.environ.pop(VARIABLE, None)
    if given is None:
        sys.stderr.write(f"{NOT_FOR_PEOPLE}\n")
        raise SystemExit(2)
    launch = ExecLaunch(**json.loads(given))
    # Survives exec: Codex goes when the program that runs the agent is killed.
    hook = parent_death_hook(os.getppid())
    if hook is not None:
        hook()
    command = launch.command_line(sys.argv[1:])
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
