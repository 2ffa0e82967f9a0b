"""The options of `codexmcp usage`."""

from __future__ import annotations

import argparse
import re
from datetime import date, timedelta

from codexmcp.command_line import Command, flag, option
from codexmcp.data_classes import dataclass

_AGO = re.compile(r"(\d{1,5})d")


def day(text: str) -> date:
    """Return the day of a text such as `2026-11-21`, `today`, `yesterday` or `7d`.

    Raises:
        argparse.ArgumentTypeError: The text is no day.
    """
    words = {"today": "0d", "yesterday": "1d"}
    ago = _AGO.fullmatch(words.get(text, text))
    try:
        if ago:
            return date.today() - timedelta(days=int(ago[1]))  # noqa: DTZ011 - the user's own day
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day such as 2026-11-21, today, yesterday or 7d"
        ) from None


@dataclass(frozen=True, kw_only=True)
class UsageOptions:
    """The options of `codexmcp usage`."""

    since: date | None = option("the first day; default: all", "DAY", parse=day)
    until: date | None = option("the last day; default: all", "DAY", parse=day)
    by: str = option(
        "one row for each of these",
        choices=("model", "day", "project", "profile", "client"),
        default="model",
    )
    client: str = option(
        "whose usage to count: Codex's in this home, Claude Code's, or both",
        choices=("all", "codex", "claude"),
        default="all",
    )
    json: bool = flag("print JSON for a program", exclusive="shape")
    csv: bool = flag("print a table for a spreadsheet", exclusive="shape")
    plot: bool = flag("print only the plot, with every row", exclusive="shape")
    no_cache: bool = flag("read all rollouts again, and keep no index")
    debug: bool = flag("log in detail, show tracebacks")


COMMANDS = (
    Command(
        "usage",
        "show tokens and costs per model, day, project, profile or client",
        "usage:show_usage",
        UsageOptions,
        description="Show the tokens that Codex (in this Codex home) and Claude Code have spent, "
        "and their costs.",
        epilog="""\
examples:
  codexmcp usage --since 7d
  codexmcp usage --since 2026-11-01 --until 2026-11-30 --by project
  codexmcp usage --by day --csv > usage.csv
  codexmcp usage --by model --json | jq .total.costUsd

A day is 2026-11-21, today, yesterday, or 7d for seven days ago, in this
machine's time zone; both ends are included. Costs are list prices for standard
processing, not a bill; an unknown price is reported as unknown. Your own
prices go to codexmcp-prices.toml in the Codex home.
""",
    ),
)
