"""What the arguments of several commands have in common.

Imports nothing but argparse.
"""

from __future__ import annotations

import argparse
from typing import Any

Commands = Any
"""What argparse makes parsers of commands with; its type is hidden."""


def add_verb(verbs: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    """Add what a command can do to its parser, and return the parser of that."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    add_telling(parser)
    parser.set_defaults(verb=name)
    return parser


def add_telling(parser: argparse.ArgumentParser) -> None:
    """Let the command tell what it does to a program, or to whoever looks for a fault."""
    parser.add_argument("--json", action="store_true", help="print JSON for a program")
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Let the command show its changes instead of making them."""
    parser.add_argument(
        "--dry-run", action="store_true", help="print the changes as a diff, and write nothing"
    )
