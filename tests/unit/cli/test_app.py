from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
from collections.abc import Iterator

import pytest

from codexmcp.cli import app
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.command_line import ANY_TEXT, ArgumentParser, Command
from tests.support.parsers import all_parsers, commands_of


def leaves(commands: dict[str, argparse.ArgumentParser]) -> Iterator[tuple[str, Command]]:
    """Yield the commands that do something, by their words."""
    for name, parser in commands.items():
        inner = commands_of(parser)
        if inner:
            yield from ((f"{name} {words}", command) for words, command in leaves(inner))
        else:
            yield name, parser.get_default("selected")


@pytest.mark.parametrize("command", app._MODULES)
def test_a_command_that_is_named_has_the_same_arguments_as_in_the_list(command: str) -> None:
    alone, listed = (commands_of(app.parser_for(words)) for words in ([command], ["--help"]))
    assert alone[command].format_help() == listed[command].format_help()


def test_every_command_is_listed_unless_one_is_named() -> None:
    def listed(words: list[str]) -> set[str]:
        return set(commands_of(app.parser_for(words)))

    assert {*app._MODULES} < listed([]) == listed(["--version"])
    assert listed(["no-such-command"]) == listed([])
    assert listed(["serve", "runs"]) == {"serve", *app._PASSED_ON}


def test_every_command_has_a_use_case_that_takes_its_options() -> None:
    found = dict(leaves(commands_of(app.parser_for([]))))
    assert len(found) > 35
    for words, command in found.items():
        module, _, name = command.run.partition(":")
        use_case = getattr(importlib.import_module(f"codexmcp.cli.{module}"), name)
        first = next(iter(inspect.signature(use_case).parameters.values()))
        assert command.options is not None, words
        # A use case may take the options of a wider class.
        assert first.annotation in {each.__name__ for each in command.options.__mro__}, words


def test_all_help_but_the_usage_fits_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    # argparse does not break the list of options that exclude each other.
    texts = [each.format_help().partition("\n\n")[2] for each in all_parsers(app.parser_for([]))]
    assert [line for text in texts for line in text.splitlines() if len(line) > 80] == []


def test_no_argument_takes_the_empty_text(capsys: pytest.CaptureFixture[str]) -> None:
    alone = ArgumentParser()
    alone.add_options(McpServerOptions)
    taken: list[tuple[str, str]] = []
    for parser in [*all_parsers(app.parser_for([])), alone]:
        for action in parser._actions:
            is_command = isinstance(action, argparse._SubParsersAction)
            if is_command or action.nargs == 0 or action.type is ANY_TEXT:
                continue
            with contextlib.suppress(argparse.ArgumentError, SystemExit):
                parser._get_values(action, [""])
                taken.append((parser.prog, action.dest))
    assert taken == []
    with pytest.raises(SystemExit) as ended:
        app.load_command(["runs", "wait", ""])
    assert ended.value.code == 2
    assert "empty value: pass a value" in capsys.readouterr().err


def test_all_words_go_to_codex_except_those_of_our_own_check() -> None:
    for words in (["codex", "--help"], ["codex", "login", "check"], ["codex"]):
        selected = app.parser_for(words).parse_args(words).selected
        assert selected.run == "codex:become_codex"
    words = ["codex", "check", "--bin", "/x"]
    selected = app.parser_for(words).parse_args(words).selected
    assert selected.run == "codex_check:check"
