"""The commands of `codexmcp`, and how every command ends.

Imports the parts of a command only when it runs: help and usage errors shall not wait for them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import codexmcp
from codexmcp.errors import CodexMCPError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; whatever it does, Ctrl-C shows no traceback.

    Args:
        argv: The arguments; None means those of the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words).parse_args(words)
    arguments.words = words[1:]
    module = _module(arguments)
    if module != _RELAY:
        _set_logging(debug=arguments.debug)
    try:
        code: int | None = importlib.import_module(module).run(arguments)
    except CodexMCPError as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"codexmcp: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if code is None else code


_RELAY = "codexmcp.cli.shared"

_COMMANDS = {
    "mcp-server": ("mcp_server_arguments", "add_parser", "mcp_server"),
    "serve": ("serve_arguments", "add_parser", "serve"),
    "runs": ("runs.arguments", "add_parser", "runs.command"),
    "mcp": ("mcp_arguments", "add_parser", "mcp"),
    "profiles": ("profiles_arguments", "add_parser", "profiles"),
    "sync": ("sync_arguments", "add_parser", "sync"),
    "init": ("sync_arguments", "add_init_parser", "init"),
    "skills": ("skills_arguments", "add_parser", "skills"),
    "usage": ("usage_arguments", "add_parser", "usage"),
    "doctor": ("doctor_arguments", "add_parser", "doctor"),
}
"""By command: the module of its arguments, the function in it that adds them, and its module."""


def _module(arguments: argparse.Namespace) -> str:
    """Return the module of a command; a server that is shared is only a relay here."""
    return _RELAY if getattr(arguments, "shared", False) else str(arguments.module)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codexmcp", description="Drive OpenAI's Codex from other programs."
    )
    parser.add_argument("--version", action="version", version=codexmcp.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    # Whoever names a command does not wait for the arguments of the others, 1 to 6 ms each.
    named = [name for name in _COMMANDS if words[:1] == [name]]
    for name in named or _COMMANDS:
        arguments, add, module = _COMMANDS[name]
        add_parser = getattr(importlib.import_module(f"codexmcp.cli.{arguments}"), add)
        add_parser(commands).set_defaults(module=f"codexmcp.cli.{module}")
    codex = commands.add_parser(
        "codex",
        help="run the Codex that codexmcp uses, such as `codexmcp codex login`",
        description="Run the Codex that codexmcp uses, with any arguments of its own.",
        prefix_chars="\0",
        add_help=False,
    )
    codex.add_argument("arguments", nargs=argparse.REMAINDER)
    codex.set_defaults(module="codexmcp.cli.codex", debug=False)
    return parser


def _set_logging(*, debug: bool) -> None:
    import logging  # noqa: PLC0415 - 4 ms, and a relay has nothing to log

    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="codexmcp: %(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not debug:
        # It warns of children that end while they are being started, which is reported anyway.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
