"""The arguments of `codexmcp skills`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.verbs import Commands, add_telling

_EPILOG = """\
examples:
  codexmcp skills check
      check the skills of the Codex home
  codexmcp skills check .codex/skills ~/.agents/skills
      check two folders, and what they have in common
  codexmcp skills list --smoke
      the names of the skills that declare a smoke command, one a line

Exit codes: 0 nothing is wrong, 1 something is, 2 usage. Advice does not count.
"""

_LIST = "Show the skills that Codex would list, and those that it leaves out."
_CHECK = (
    "Check skills the way Codex reads them: front matter, names, files that their text names, "
    "scripts, links, sizes, secrets. Nothing is run or changed."
)


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "skills",
        help="list and check the skills of a Codex home or of any folder",
        description="List and check the skills of a Codex home or of any folder.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = _add_verb(verbs, "list", "show skills", _LIST)
    listing.add_argument(
        "--smoke", action="store_true", help="only names of skills that declare a smoke command"
    )
    _add_verb(verbs, "check", "say what is wrong with skills", _CHECK)
    return parser


def _add_verb(
    verbs: Commands, name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=description, allow_abbrev=False
    )
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="DIR",
        help="skills folders, or folders of one skill each; default: the Codex home's skills",
    )
    add_telling(parser)
    parser.set_defaults(verb=name)
    return parser
