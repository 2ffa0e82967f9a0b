"""The arguments of `codexmcp doctor`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.verbs import Commands, add_telling

_EPILOG = """\
It starts Codex and runs a command in its sandbox, but asks no model and spends
nothing.

Exit codes: 0 nothing is broken, 78 something is, 2 usage. Notes do not count.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="try what a run needs: Codex, its sandbox, the credentials, the folders",
        description="Try what a run needs, and say what is missing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--cwd",
        type=Path,
        metavar="DIR",
        help="where Codex is to work; default: output/ if it is there, else this folder",
    )
    add_telling(parser)
    return parser
