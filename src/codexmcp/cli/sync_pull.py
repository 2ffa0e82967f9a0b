"""`codexmcp sync pull-runtime`: list the files of a client, and copy them to the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

from codexmcp.cli.options.sync import SyncPullOptions
from codexmcp.cli.output import Output
from codexmcp.cli.sync import places_of
from codexmcp.cli.text import one_line
from codexmcp.errors import ExitCode, InterruptedByUserError, UsageError
from codexmcp.home.changes import unified_diff
from codexmcp.home.sync.pull import PulledFile, PullResult, keep, look
from codexmcp.home.sync.use_cases import ClientFolder
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.settings import load_settings, secret_values


def pull_runtime(options: SyncPullOptions, output: Output) -> int:
    """List the files and keep them in the repository.

    Raises:
        UsageError: There is no terminal to ask on.
        InterruptedByUserError: The answer was Ctrl-C.
        ConfigurationError: A file cannot be read or written.
    """
    settings = load_settings(os.environ)
    places = places_of(options, settings, os.environ)
    redactor = Redactor(secret_values(settings.api_key, os.environ))
    repository = options.repo.expanduser().absolute()
    pulled = [
        (place, look(place.target, place.home, repository, partial(secret_line, redactor)))
        for place in places
    ]
    new = [found for _, each in pulled for found in each.found if found.is_new]
    wanted = [each for each in new if options.keep_flagged or each.secret_line is None]
    if not output.is_json:
        for place, each in pulled:
            _tell(output, place, each, keep_flagged=options.keep_flagged)
    kept = wanted if options.dry_run else _kept(options, wanted, output)
    if output.is_json:
        output.say_json({"targets": [_as_json(place, each, kept) for place, each in pulled]})
    elif options.dry_run:
        output.say(unified_diff(each.change for each in kept))
    else:
        output.note(f"{len(kept)} files kept in {repository}; read them before you commit them")
    return ExitCode.DONE


def secret_line(redactor: Redactor, text: str) -> int | None:
    """Return the line, from 1, of the first secret in a text; None without one."""
    before, after = text.split("\n"), redactor.text(text).split("\n")
    pairs = enumerate(zip_longest(before, after), start=1)
    return next((line for line, (old, new) in pairs if old != new), None)


def _tell(output: Output, place: ClientFolder, pulled: PullResult, *, keep_flagged: bool) -> None:
    for found in pulled.found:
        if not found.is_new:
            continue
        flag = ""
        if found.secret_line is not None:
            flag = f": line {found.secret_line} holds what looks like a secret"
            flag += "" if keep_flagged else "; it is left out"
        output.say(f"{place.target.name}: {one_line(found.source)}{flag}")
    for skipped in pulled.skipped:
        output.note(f"codexmcp: {place.home / skipped.path} is left out: {skipped.reason}")


def _kept(
    options: SyncPullOptions, wanted: Sequence[PulledFile], output: Output
) -> Sequence[PulledFile]:
    """Keep files if the user agrees, and return them."""
    if not wanted or not _may_keep(options, len(wanted), output):
        return ()
    keep(wanted)
    return wanted


def _may_keep(options: SyncPullOptions, count: int, output: Output) -> bool:
    if options.yes:
        return True
    if output.is_json or not sys.stdin.isatty():
        raise UsageError("nothing was kept; look at the list, and say --yes to keep the files")
    try:
        output.note(f"keep these {count} files in {options.repo}? [y/N]")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    except KeyboardInterrupt:
        raise InterruptedByUserError("interrupted at the question; nothing was kept") from None


def _as_json(
    place: ClientFolder, pulled: PullResult, kept: Sequence[PulledFile]
) -> dict[str, object]:
    return {
        "target": place.target.name,
        "home": str(place.home),
        "files": [
            {
                "path": found.source,
                "changed": found.is_new,
                "secretLine": found.secret_line,
                "kept": found in kept,
            }
            for found in pulled.found
        ],
        "skipped": [{"path": each.path, "reason": each.reason} for each in pulled.skipped],
    }
