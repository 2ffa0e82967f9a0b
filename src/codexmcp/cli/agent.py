"""`codexmcp agent` and `codexmcp rehearse`: `main.py` for an installed package."""

from __future__ import annotations

from codexmcp.agents.program import installed_program
from codexmcp.cli.options.parts import PassedOnOptions


def give_task(options: PassedOnOptions) -> int | None:
    """Give Codex a task through an agent, and return the exit code.

    Raises:
        UsageError: The arguments are wrong.
    """
    return installed_program(rehearses=False).load(options.arguments)()


def rehearse(options: PassedOnOptions) -> int | None:
    """Do the same with a scripted model; see `give_task`."""
    return installed_program(rehearses=True).load(options.arguments)()
