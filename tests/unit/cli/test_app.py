from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Iterator

import pytest

from codexmcp.cli import app


def parsers(words: list[str]) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands that are there when these words are to be parsed."""
    actions = app._parser(words)._actions
    (commands,) = (each for each in actions if isinstance(each, argparse._SubParsersAction))
    return dict(commands.choices)


@pytest.mark.parametrize("command", app._COMMANDS)
def test_a_command_that_is_named_has_the_same_arguments_as_in_the_list(command: str) -> None:
    alone, listed = parsers([command]), parsers(["--help"])
    assert alone[command].format_help() == listed[command].format_help()
    module = alone[command].get_default("module")
    assert module == listed[command].get_default("module")
    assert importlib.util.find_spec(module) is not None


def test_every_command_is_listed_unless_one_is_named() -> None:
    assert {*app._COMMANDS} < parsers([]).keys() == parsers(["--version"]).keys()
    assert parsers(["no-such-command"]).keys() == parsers([]).keys()
    assert parsers(["serve", "runs"]).keys() == {"serve", "codex"}


def test_all_help_but_the_usage_fits_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    # argparse does not break the list of options that exclude each other.
    texts = [each.format_help().partition("\n\n")[2] for each in nested(app._parser([]))]
    assert [line for text in texts for line in text.splitlines() if len(line) > 80] == []


def nested(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from nested(each)


def test_a_relay_imports_nothing_that_it_does_without() -> None:
    program = (
        "import sys, codexmcp.cli.app as app; app._parser(['mcp-server', '--shared']);"
        "import codexmcp.cli.shared, codexmcp.run_settings;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"asyncio", "logging", "subprocess", "sqlite3", "websockets", "jsonschema", "tomllib"}
    assert not heavy & set(run.stdout.split())
