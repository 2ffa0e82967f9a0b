"""The arguments of `codex-runs`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import codexmcp

DEFAULT_LIMIT = 50

_EPILOG = """\
examples:
  codex-runs
      pick among the runs of this folder; Enter attaches, ? shows the keys
  codex-runs --all
      among those of every project of this Codex home
  codex-runs --json | jq -r '.running[].runId'
      for scripts: print the runs and exit

CODEX_HOME names the Codex home. `codexmcp runs` has all this as commands.
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments; help and mistakes end the program as argparse does."""
    parser = argparse.ArgumentParser(
        prog="codex-runs",
        description="Look at runs of Codex, attach to them, answer their questions, stop them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--all", action="store_true", help="the runs of every project")
    parser.add_argument("--json", action="store_true", help="print the runs as JSON and exit")
    parser.add_argument(
        "--limit",
        type=_positive,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="with --json: how many runs of each kind at most; default: %(default)s",
    )
    parser.add_argument(
        "--no-watch", action="store_true", help="look again only when asked to by `r`"
    )
    parser.add_argument("--version", action="version", version=codexmcp.__version__)
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)
