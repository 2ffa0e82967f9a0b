"""A program that gives Codex a task through an agent, such as `main.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from codexmcp.data_classes import dataclass
from codexmcp.entry import Work
from codexmcp.installation import command

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from agents import Agent

    from codexmcp.agents.progress import ShowStep
    from codexmcp.agents.record import AgentRecord
    from codexmcp.agents.workplace import Workplace

OpenAgent: TypeAlias = (
    "Callable[[Workplace, AgentRecord, ShowStep], AbstractAsyncContextManager[Agent[None]]]"
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program.

    Attributes:
        name: The name, such as `main.py`.
        command: The user's command line, such as `uv run python main.py`.
        project: The checkout with `.env`, `.codex/` and `output/`; None for an installed program,
            with its output below the working directory and the user's Codex home.
        load_agent: Imports and returns the agent's constructor. Called late: the SDK's import takes
            over a second, and a usage error must not wait for it.
        default_prompt: The default prompt; None makes a prompt mandatory.
        server_command: The option `--server-command` is available.
        rehearses: The program always rehearses.
    """

    name: str
    command: str
    project: Path | None
    load_agent: Callable[[], OpenAgent]
    default_prompt: str | None = None
    server_command: bool = False
    rehearses: bool = False

    def load(self, argv: Sequence[str]) -> Work:
        """Parse the arguments and return the program's work.

        Raises:
            UsageError: The arguments are invalid.
        """
        from codexmcp.agents.running import prepared  # noqa: PLC0415 - the event loop

        return prepared(self, ["--rehearse", *argv] if self.rehearses else argv)


def main_program(project: Path) -> Program:
    """Return the program with an MCP server to Codex."""
    name = "main.py"
    return Program(name, f"uv run python {name}", project, _mcp_agent, server_command=True)


def installed_program(*, rehearses: bool) -> Program:
    """Return the variant of `main_program` for users without a checkout.

    Args:
        rehearses: Always rehearse, with a prompt of its own.
    """
    return Program(
        name="codexmcp rehearse" if rehearses else "codexmcp agent",
        command=command("agent"),
        project=None,
        load_agent=_mcp_agent,
        default_prompt=REHEARSAL_PROMPT if rehearses else None,
        server_command=True,
        rehearses=rehearses,
    )


def newway_program(project: Path) -> Program:
    """Return the program with the SDK's `codex_tool`."""
    name = "newway.py"
    return Program(name, f"uv run python {name}", project, _tool_agent, default_prompt=SMOKE_PROMPT)


REHEARSAL_PROMPT = "Run `date > rehearsal.txt && cat rehearsal.txt`, and report what it prints."
SMOKE_PROMPT = "Use $mcp-skill-smoke to run the smoke test, and report the file's contents."


def _mcp_agent() -> OpenAgent:
    from codexmcp.agents.mcp_approach import mcp_agent  # noqa: PLC0415 - the SDK's second and more

    return mcp_agent


def _tool_agent() -> OpenAgent:
    from codexmcp.agents.tool_approach import tool_agent  # noqa: PLC0415 - as above

    return tool_agent
