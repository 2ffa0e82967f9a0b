"""`codexmcp usage`: the tokens of Codex and Claude Code, and their costs."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from codexmcp import figures
from codexmcp.cli.options.usage import UsageOptions
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line
from codexmcp.cli.usage_text import WIDTH, csv_text, plot_lines, row_as_json, table_lines
from codexmcp.codex.config import default_home
from codexmcp.data_classes import replace
from codexmcp.errors import ExitCode, UsageError
from codexmcp.home.sync.targets import TARGETS, home_of
from codexmcp.settings import load_settings
from codexmcp.supervisor.directory import RunDirectory, default_pointer_dir, pointer_dir
from codexmcp.usage.prices import Prices, load_prices
from codexmcp.usage.profiles import read_profiles
from codexmcp.usage.projects import Projects
from codexmcp.usage.report import By, Names, UsageReport
from codexmcp.usage.scan import Scan
from codexmcp.usage.use_case import UsageQuery, gather

INDEX_NAME = "usage.sqlite3"


def show_usage(options: UsageOptions) -> int:
    """Print the tokens and their costs.

    Raises:
        ConfigurationError: The user's prices cannot be used.
        UsageError: The last day comes before the first.
    """
    since, until = _bounds(options.since, options.until)
    output = Output(is_json=options.json)
    settings = load_settings(os.environ)
    home = settings.codex_home or default_home()
    prices, profiles = load_prices(home), read_profiles(home)
    problems = [f"{path} cannot be read, so its profile is not named" for path in profiles.broken]
    asked = UsageQuery(
        home=home,
        index=None if options.no_cache else default_pointer_dir(home) / INDEX_NAME,
        by=By(options.by),
        since=since,
        until=until,
        prices=prices,
        names=Names(profiles, Projects().of, lambda at: datetime.fromtimestamp(at).date()),  # noqa: DTZ006 - the user's own day
        claude=home_of(TARGETS["claude"], os.environ, Path.home()),
    )
    if options.client != "all":
        asked = replace(
            asked,
            has_codex=options.client == "codex",
            claude=asked.claude if options.client == "claude" else None,
        )
    with RunDirectory(pointer_dir(settings, os.environ)) as runs:
        gathered = gather(asked, runs.select, problems.append, _teller(output))
    problems += _problems(gathered.scan)
    report = gathered.report
    if options.json:
        output.say_json(_as_json(options, report, gathered.scan, prices, problems))
    elif options.csv:
        output.say(csv_text(report).rstrip("\n"))
    else:
        _tell(output, report, prices, home, only_plot=options.plot)
    if not options.json:
        for problem in problems:
            output.trouble(one_line(problem))
    return ExitCode.DONE


def _bounds(first: date | None, last: date | None) -> tuple[float | None, float | None]:
    """Return the start of the first and the end of the last day, in this machine's time zone."""
    if first and last and last < first:
        raise UsageError(f"--until {last} comes before --since {first}; change one of them")
    since = None if first is None else _midnight(first)
    until = None if last is None or last == date.max else _midnight(last + timedelta(days=1))
    return since, until


def _midnight(day: date) -> float:
    try:
        return datetime.combine(day, time.min).timestamp()
    except (OverflowError, ValueError, OSError):
        raise UsageError(f"{day} is too long ago or too far away; name another day") from None


def _teller(output: Output) -> Callable[[int, int], None]:
    def tell(done: int, of: int) -> None:
        output.progress(f"reading rollouts: {figures.size(done)} of {figures.size(of)}")

    return tell


def _problems(scan: Scan) -> list[str]:
    flaws, problems = scan.flaws, list[str]()
    if flaws.broken_lines:
        problems.append(
            f"{flaws.broken_lines} broken lines in {flaws.broken_rollouts} rollouts were left out; "
            "their counts are missing"
        )
    if flaws.unfinished:
        problems.append(
            f"{flaws.unfinished} rollouts end within a line, which is read once it is whole"
        )
    if scan.unreadable:
        problems.append(
            f"{len(scan.unreadable)} rollouts or folders cannot be read and are missing, such as "
            f"{scan.unreadable[0]}"
        )
    if flaws.damaged:
        problems.append(
            f"{flaws.damaged} compressed rollouts are damaged (such as {flaws.damage}); what comes "
            "after the damage is missing"
        )
    return problems


def _tell(
    output: Output, report: UsageReport, prices: Prices, home: Path, *, only_plot: bool
) -> None:
    user = Path.home()
    if not report.rows:
        output.note(f"nothing was spent in {home} in this time")
        return
    width = output.width or WIDTH
    if not only_plot:
        for line in table_lines(report, width, user):
            output.say(line)
        output.say("")
    for line in plot_lines(report, width, user, is_whole=only_plot):
        output.say(line)
    if only_plot:
        return
    output.say("")
    for remark in _remarks(report, prices):
        output.say(textwrap.fill(one_line(remark), width))


def _remarks(report: UsageReport, prices: Prices) -> Iterator[str]:
    yield f"Days are those of {_zone()}."
    own = f", yours from {prices.override.name} first" if prices.override else ""
    yield f"Costs are list prices as of {prices.as_of}{own}; they are not a bill."
    if report.unpriced:
        yield f"No price is known for: {', '.join(report.unpriced)}."
    if report.by is By.PROFILE:
        yield "Profiles are deduced from model and provider; Codex does not record them."


def _zone() -> str:
    now = datetime.now().astimezone()
    return f"{now.tzname()} (UTC{now:%z})"


def _as_json(
    options: UsageOptions, report: UsageReport, scan: Scan, prices: Prices, problems: list[str]
) -> dict[str, object]:
    return {
        "by": options.by,
        "since": options.since and options.since.isoformat(),
        "until": options.until and options.until.isoformat(),
        "timeZone": _zone(),
        "rows": [row_as_json(row, report.by) for row in report.rows],
        "total": row_as_json(report.total),
        "prices": {
            "asOf": prices.as_of.isoformat(),
            "override": None if prices.override is None else str(prices.override),
            "unknownFor": report.unpriced,
        },
        "rollouts": {"count": scan.rollouts, "readBytes": scan.read_bytes},
        "problems": problems,
    }
