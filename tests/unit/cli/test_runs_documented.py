"""The pages on runs document every command and every JSON field of `codexmcp runs`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from codexmcp.cli import app
from codexmcp.cli.options.runs import STATES, RunsListOptions, state_word
from codexmcp.cli.runs import fields
from codexmcp.command_line import parse
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState
from tests.support.parsers import commands_of

DOCS = Path(__file__).parents[3] / "docs"
COMMANDS_PAGE = (DOCS / "how-to" / "runs.md").read_text(encoding="utf-8")
FIELDS_PAGE = (DOCS / "reference" / "run-json.md").read_text(encoding="utf-8")
STATES_PAGE = (DOCS / "reference" / "codes.md").read_text(encoding="utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands, by their names."""
    return commands_of(commands_of(app.parser_for(["runs"]))["runs"])


def test_every_command_is_in_the_table() -> None:
    missing = [name for name in commands() if f"\n| `{name} " not in COMMANDS_PAGE]
    assert missing == []


def test_every_field_is_documented() -> None:
    run = Run("r", 1, RunRequest("p", "/w", "/a"), RunState.QUEUED, "g", "k", 0, 1.0)
    whole = fields.whole(run, 2.0)
    names = [*whole, *whole["usage"], *whole["files"]]
    assert [name for name in names if f"`{name}`" not in FIELDS_PAGE] == []


def test_every_state_is_documented_and_can_be_asked_for() -> None:
    assert set(STATES) == {state.value for state in RunState}
    assert [state for state in STATES if f"`{state}`" not in STATES_PAGE] == []
    for state in RunState:
        for word in (state.value, state_word(state)):
            assert parse(RunsListOptions, ["--state", word]).state == (state.value,)


def test_every_help_has_json_and_examples_and_fits_80_columns() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        helps = {name: parser.format_help() for name, parser in commands().items()}
    for name, text in helps.items():
        assert "--json" in text, name
        assert "examples:\n  codexmcp runs" in text, name
        assert max(map(len, text.splitlines())) <= 80, name
