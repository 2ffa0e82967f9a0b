"""The page of exit codes, errors and run states.

Meanings are lines `NAME: meaning` in the docstrings of the enums.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum

from codexmcp import errors
from codexmcp.errors import CodexMCPError, ExitCode
from codexmcp.runs.states import ACTIVE, OVER, TRANSITIONS, RunState, phases_of
from scripts.reference import text


def page() -> str:
    """Return the page."""
    codes = _meanings(ExitCode)
    sections = [
        "## Exit codes of all commands\n",
        text.table(("code", "meaning"), ((f"{code.value}", codes[code.name]) for code in ExitCode)),
        text.prose(
            "`codexmcp runs wait`, `serve --status`, `serve --stop` and `skills check` give "
            "0 and 1 a narrower meaning: see [supervised runs](../how-to/runs.md) and "
            "[skills](../how-to/skills.md)."
        ),
        "## Errors\n",
        text.table(("error", "exit code", "meaning"), _errors(CodexMCPError)),
        "## Run states\n",
        text.table(("state", "kind", "meaning", "next states", "phases"), _states()),
    ]
    introduction = "Interpret an exit code, an error of the Python API or the state of a run."
    return text.page("Exit codes and run states", introduction, sections)


def _errors(kind: type[CodexMCPError]) -> Iterator[tuple[str, str, str]]:
    if kind.__module__ == errors.__name__:
        yield f"`{kind.__name__}`", str(kind.exit_code.value), (kind.__doc__ or "").split("\n")[0]
    for each in sorted(kind.__subclasses__(), key=lambda known: known.__name__):
        yield from _errors(each)


def _states() -> Iterator[tuple[str, ...]]:
    meanings = _meanings(RunState)
    for state in RunState:
        kind = "active" if state in ACTIVE else "ended" if state in OVER else "waiting"
        following = ", ".join(f"`{each}`" for each in RunState if each in TRANSITIONS[state])
        phases = ", ".join(f"`{phase.value}`" for phase in phases_of(state))
        yield f"`{state.value}`", kind, meanings[state.name], following, phases


def _meanings(enum: type[Enum]) -> dict[str, str]:
    """Return the meaning of each member of an enum, by name."""
    text = inspect.cleandoc(enum.__doc__ or "")
    lines = re.findall(r"^([A-Z_]+): (.*(?:\n +.*)*)", text, re.MULTILINE)
    return {name: meaning.removesuffix(".") for name, meaning in lines}
