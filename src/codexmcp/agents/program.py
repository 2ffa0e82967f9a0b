"""One of the entry points: `main.py` or `newway.py`.

Imports what it runs only once it runs, so that Ctrl-C in the first moment shows no traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from codexmcp.errors import ExitCode

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from agents import Agent

    from codexmcp.agents.progress import ShowStep
    from codexmcp.agents.record import Record
    from codexmcp.agents.workplace import Workplace

OpenAgent: TypeAlias = (
    "Callable[[Workplace, Record, ShowStep], AbstractAsyncContextManager[Agent[None]]]"
)


@dataclass(frozen=True, slots=True)
class Program:
    """One of the entry points.

    Attributes:
        name: Its name, such as `main.py`.
        project: The folder with `.env`, `.codex/` and `output/`.
        load_agent: Imports and returns what gives the agent. It runs late, because the SDK takes
            over a second to import and a usage error shall not wait for it.
        default_prompt: What to do without a prompt; None makes one necessary.
        server_command: Whether `--server-command` is there.
    """

    name: str
    project: Path
    load_agent: Callable[[], OpenAgent]
    default_prompt: str | None = None
    server_command: bool = False

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run the program and return its exit code.

        Args:
            argv: The arguments; None means those of the process.
        """
        try:
            from codexmcp.agents.running import run_program  # noqa: PLC0415 - see above

            return run_program(self, argv)
        except KeyboardInterrupt:
            return ExitCode.INTERRUPTED
