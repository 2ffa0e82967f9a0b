"""The commands of `codexmcp`, and how every command ends.

Imports the parts of a command only when it runs, because the MCP server must start fast.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import codexmcp
from codexmcp.cli import mcp_server
from codexmcp.errors import CodexMCPError, ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: The arguments; None means those of the process.
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if arguments.debug else logging.WARNING,
        format="codexmcp: %(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not arguments.debug:
        # It warns of children that end while they are being started, which is reported anyway.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        arguments.run(arguments)
    except CodexMCPError as error:
        if arguments.debug:
            raise
        sys.stderr.write(f"codexmcp: {error}\n")
        return error.exit_code
    return ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codexmcp", description="Drive OpenAI's Codex from other programs."
    )
    parser.add_argument("--version", action="version", version=codexmcp.__version__)
    parser.set_defaults(debug=False)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    mcp_server.add_parser(commands)
    return parser
