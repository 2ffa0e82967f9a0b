"""The page of commands, from the parsers that print `--help`.

The page has no text that argparse lays out, because that differs between versions of Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn
from unittest import mock

from codexmcp.agents.program import installed_program
from codexmcp.cli import app
from codexmcp.picker import arguments as picker_arguments
from scripts.reference import text


class _Found(Exception):  # noqa: N818 - carries a result, no error
    """Carries the parser that was asked for its help."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def parser_of(start: Callable[[list[str]], object]) -> argparse.ArgumentParser:
    """Return the parser that a program has when it is started with `--help`."""

    def found(parser: argparse.ArgumentParser, _file: object = None) -> NoReturn:
        raise _Found(parser)

    with mock.patch.object(argparse.ArgumentParser, "print_help", found):
        try:
            start(["--help"])
        except _Found as each:
            return each.parser
    raise AssertionError


def page() -> str:
    """Return the page."""
    codexmcp = parser_of(app.load_command)
    agent = parser_of(installed_program(rehearses=False).load)
    check = parser_of(lambda words: app.load_command(["codex", "check", *words]))
    picker = parser_of(picker_arguments.parse)
    sections = [
        *_sections(codexmcp, "codexmcp"),
        *_sections(agent, "codexmcp agent"),
        "## `codexmcp rehearse`\n\nThe options of `codexmcp agent`, with the scripted model.\n",
        "## `codexmcp-agents`\n\n`codexmcp` under the name of its package, for `uvx`.\n",
        (
            "## `codexmcp codex`\n\nAll arguments go to the Codex binary of the installation, "
            "except those of `check`.\n"
        ),
        *_sections(check, "codexmcp codex check"),
        *_sections(picker, "codex-runs"),
        (
            "## `codex-mcp-sidecar`, `codex-mcp-wrapper`\n\n"
            "`codexmcp mcp-server --shared --tools runs` under the names of Codex MCP Sidecar.\n"
        ),
    ]
    return text.page("Commands", "Look up a command, an argument or an option.", sections)


def _sections(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    commands = _commands(parser)
    passed_on = {"agent", "rehearse", "codex"} if name == "codexmcp" else set()
    yield "\n".join(_section(parser, name, commands))
    for command, inner in commands.items():
        if command not in passed_on:
            yield from _sections(inner, f"{name} {command}")


def _section(
    parser: argparse.ArgumentParser, name: str, commands: Mapping[str, object]
) -> Iterator[str]:
    yield f"## `{name}`\n"
    if parser.description:
        yield text.prose(parser.description)
    if commands:
        yield text.prose(f"Commands: {', '.join(f'`{each}`' for each in commands)}.")
    yield text.table(("argument or option", "meaning"), _rows(parser))
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```\n"


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of its arguments
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            return dict(action.choices)
    return {}


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:  # noqa: SLF001 - as above
        is_listed = action.help != argparse.SUPPRESS and "--help" not in action.option_strings
        if is_listed and not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            yield _named(action), _help(parser, action)


def _named(action: argparse.Action) -> str:
    value = _value(action)
    names = action.option_strings or [""]
    return ", ".join(f"`{' '.join(filter(None, (name, value)))}`" for name in names)


def _value(action: argparse.Action) -> str:
    """Return what stands for the value; nothing for an option without one."""
    if action.nargs == 0:
        return ""
    value = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    if isinstance(value, tuple):
        value = " ".join(value)
    if action.choices is not None and action.metavar is None:
        value = "|".join(map(str, action.choices))
    return {"*": f"[{value}...]", "+": f"{value}...", "?": f"[{value}]"}.get(
        str(action.nargs), value
    )


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}
