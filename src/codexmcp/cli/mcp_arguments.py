"""The arguments of `codexmcp mcp`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

from codexmcp.cli.verbs import Commands, add_dry_run, add_verb

_APPROVAL_MODES = ("auto", "prompt", "writes", "approve")

_EPILOG = """\
examples:
  codexmcp mcp add files -- \\
      npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /home/me
  codexmcp mcp add docs --url https://host/mcp --bearer-token-env-var DOCS_TOKEN
  codexmcp mcp check

Each server is a managed block of config.toml; the rest of the file stays as it
is.
Exit codes: 0 done, 1 a check has found faults, 2 usage, 78 config.toml is in
the way.
"""


class _VerbParser(argparse.ArgumentParser):
    """Keeps what comes behind `--` apart, as a command with options of its own."""

    def parse_known_args(  # type: ignore[override] # argparse's is overloaded for namespaces
        self,
        args: Sequence[str],
        namespace: Any = None,  # noqa: ANN401 - as argparse has it
    ) -> tuple[Any, list[str]]:
        """Parse what comes before `--`; the rest becomes the attribute `command`."""
        words = list(args)
        at = words.index("--") if "--" in words else len(words)
        found, unknown = super().parse_known_args(words[:at], namespace)
        found.command = words[at + 1 :]
        if found.command and found.verb != "add":
            self.error("only `add` takes a command")
        return found, unknown


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "mcp",
        help="add, list and check the MCP servers that Codex uses",
        description="The MCP servers that Codex uses, in config.toml of the Codex home.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", parser_class=_VerbParser
    )
    add_verb(verbs, "list", "list the servers, those that codexmcp did not write too")
    _add_add(verbs)
    remove = add_verb(verbs, "remove", "remove a server")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument(
        "--any",
        dest="replace",
        action="store_true",
        help="also one that somebody else has written or edited",
    )
    add_dry_run(remove)
    check = add_verb(verbs, "check", "start servers for real, and list their tools")
    check.add_argument("names", nargs="*", metavar="NAME", help="default: all that are enabled")
    return parser


def _add_add(verbs: Commands) -> None:
    parser = add_verb(verbs, "add", "add a server")
    parser.usage = (
        "codexmcp mcp add [OPTIONS] NAME -- COMMAND [ARGUMENTS]\n"
        "       codexmcp mcp add [OPTIONS] NAME --url URL"
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--url", metavar="URL", help="a remote server (Streamable HTTP)")
    for option, words, text in (
        ("--env", "NAME=VALUE", "a variable for the command"),
        ("--header", "NAME=VALUE", "a header of every request"),
        ("--env-header", "NAME=VARIABLE", "a header whose value a variable holds"),
    ):
        parser.add_argument(
            option, action="append", type=_pair, default=[], metavar=words, help=text
        )
    parser.add_argument(
        "--env-var",
        action="append",
        default=[],
        metavar="VARIABLE",
        help="a variable that the command gets from Codex's environment",
    )
    parser.add_argument(
        "--bearer-token-env-var", metavar="VARIABLE", help="the variable with the bearer token"
    )
    parser.add_argument(
        "--startup-timeout", type=_seconds, metavar="S", help="default: Codex's own, 30"
    )
    parser.add_argument("--tool-timeout", type=_seconds, metavar="S", help="bound on one call")
    _add_tool_options(parser)
    parser.add_argument("--disabled", action="store_true", help="write it, but do not use it yet")
    parser.add_argument(
        "--allow-secret-in-file", action="store_true", help="write secrets into config.toml"
    )
    parser.add_argument(
        "--replace", action="store_true", help="replace one that is written differently"
    )
    add_dry_run(parser)


def _add_tool_options(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--approve-tools",
        dest="approval_mode",
        action="store_const",
        const="approve",
        help="let Codex call its tools without asking",
    )
    mode.add_argument(
        "--approval-mode",
        choices=_APPROVAL_MODES,
        metavar="MODE",
        help=f"when Codex asks: {', '.join(_APPROVAL_MODES)}",
    )
    for option, text in (
        ("--enable-tool", "only this tool; may be given several times"),
        ("--disable-tool", "not this tool; may be given several times"),
    ):
        parser.add_argument(option, action="append", metavar="TOOL", help=text)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        # What was given may be a secret, so it is not repeated.
        raise argparse.ArgumentTypeError("it must look like NAME=VALUE")
    return name, value


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds
