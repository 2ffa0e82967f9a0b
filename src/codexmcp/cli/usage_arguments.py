"""The arguments of `codexmcp usage`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
import re
from datetime import date, timedelta

from codexmcp.cli.verbs import Commands

BY = ("model", "day", "project", "profile")

_AGO = re.compile(r"(\d{1,5})d")

_EPILOG = """\
examples:
  codexmcp usage --since 7d
  codexmcp usage --since 2026-11-01 --until 2026-11-30 --by project
  codexmcp usage --by day --csv > usage.csv
  codexmcp usage --by model --json | jq .total.costUsd

A day is 2026-11-21, today, yesterday, or 7d for seven days ago, in this
machine's time zone; both ends are included. Costs are list prices for standard
processing, not a bill; a price that is not known is told as unknown. Your own
prices go to codexmcp-prices.toml in the Codex home.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "usage",
        help="show tokens and costs per model, day, project or profile",
        description="Show the tokens that Codex has spent in this Codex home, and what they cost.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--since", type=day, metavar="DAY", help="the first day; default: all")
    parser.add_argument("--until", type=day, metavar="DAY", help="the last day; default: all")
    parser.add_argument(
        "--by", choices=BY, default="model", help="what the rows are for; default: model"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON for a program")
    shape.add_argument("--csv", action="store_true", help="print a table for a spreadsheet")
    shape.add_argument("--plot", action="store_true", help="print only the plot, with every row")
    parser.add_argument(
        "--no-cache", action="store_true", help="read all rollouts anew, and keep no index"
    )
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")
    return parser


def day(text: str) -> date:
    """Return the day that a text names.

    Raises:
        argparse.ArgumentTypeError: It names none.
    """
    words = {"today": "0d", "yesterday": "1d"}
    ago = _AGO.fullmatch(words.get(text, text))
    try:
        if ago:
            return date.today() - timedelta(days=int(ago[1]))  # noqa: DTZ011 - the user's own day
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no day such as 2026-11-21, today, yesterday or 7d"
        ) from None
