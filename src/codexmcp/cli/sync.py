"""`codexmcp sync`: push-runtime, clean-runtime and check-sync; pull-runtime is in `sync_pull`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.cli.options.sync import TARGETS as NAMES
from codexmcp.cli.options.sync import (
    CheckSyncOptions,
    DeployedFlags,
    SyncCleanOptions,
    SyncOptions,
    SyncPushOptions,
)
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line
from codexmcp.codex.binary import find_codex
from codexmcp.data_classes import replace
from codexmcp.errors import CodexMCPError, ExitCode, UsageError
from codexmcp.home.changes import FileChange, unified_diff
from codexmcp.home.mcp_codex import CodexQuery
from codexmcp.home.mcp_deployed import deployed_notes, deployed_servers
from codexmcp.home.sync import use_cases
from codexmcp.home.sync.change import SyncChange
from codexmcp.home.sync.repository import FRAGMENT, PROFILES, Repository, read_repository
from codexmcp.home.sync.states import Drift, State
from codexmcp.home.sync.strict_check import strict_problems
from codexmcp.home.sync.targets import TARGETS, home_of
from codexmcp.home.sync.use_cases import ClientFolder, PushOptions, PushResult, RequestedChoices
from codexmcp.settings import (
    AGENTOS_TOKEN_VARIABLE,
    Settings,
    child_environment,
    load_settings,
    secret_values,
)


def push_runtime(options: SyncPushOptions, output: Output) -> int:
    """Deploy the repository.

    Raises:
        CodexMCPError: It cannot be deployed; then nothing is written.
    """
    return _write(options, output, deploys=True, rebuilds=False)


def clean_runtime(options: SyncCleanOptions, output: Output) -> int:
    """Remove the deployed files, and deploy them again on demand; see `push_runtime`."""
    return _write(options, output, deploys=not options.no_redeploy, rebuilds=True)


def places_of(
    options: SyncOptions, settings: Settings, env: Mapping[str, str]
) -> list[ClientFolder]:
    """Return the clients and their folders.

    Raises:
        UsageError: One folder is given for several clients.
    """
    names = list(dict.fromkeys(options.target or ["codex"]))
    if "all" in names:
        names = list(NAMES)
    if options.home and len(names) > 1:
        raise UsageError("--home is the folder of one client; name one with --target")
    places: list[ClientFolder] = []
    for name in names:
        target = TARGETS[name]
        home = home_of(target, env, Path.home())
        if target.has_config and settings.codex_home:
            home = settings.codex_home
        places.append(ClientFolder(target, (options.home or home).expanduser().absolute()))
    return places


def _write(options: SyncPushOptions, output: Output, *, deploys: bool, rebuilds: bool) -> int:
    settings = load_settings(os.environ)
    places = places_of(options, settings, os.environ)
    repository = read_repository(options.repo) if deploys else None
    manner = PushOptions(
        asked=_asked(options.deployed),
        force=options.force,
        rebuild=rebuilds,
        dry_run=options.dry_run,
        check=None if options.no_check else _strict_check(settings),
    )
    if len(places) > 1 and not options.dry_run:
        # A conflict at one client leaves the others as they were.
        for place in places:
            _carry_out(repository, place, replace(manner, dry_run=True))
    known = _notes(repository, settings) if repository else ()
    told: list[dict[str, object]] = []
    for place in places:
        done = _carry_out(repository, place, manner)
        is_asked = not (options.dry_run or options.no_check)
        served = _served(repository, place, settings, output) if repository and is_asked else ()
        notes = (*known, *_notes_of(done, repository), *served)
        told.append(done_as_json(done, notes, dry_run=options.dry_run))
        if not output.is_json:
            tell_done(output, done, notes, dry_run=options.dry_run)
    if output.is_json:
        output.say_json({"targets": told})
    return ExitCode.DONE


def _notes(repository: Repository, settings: Settings) -> tuple[str, ...]:
    """Return notes on the repository."""
    from codexmcp.cli.sync_pull import secret_line  # noqa: PLC0415 - 20 ms of patterns
    from codexmcp.runs.audit.redaction import Redactor  # noqa: PLC0415 - as above

    redactor = Redactor(secret_values(settings.api_key, os.environ))
    profiles = {f"{PROFILES}/{name}": data.decode() for name, data in repository.profiles.items()}
    lines = {
        path: secret_line(redactor, text)
        for path, text in {FRAGMENT: repository.fragment, **profiles}.items()
    }
    found = [
        f"{repository.root / path}, line {line} holds what looks like a secret, which would lie in "
        "a file now; name a variable that holds it"
        for path, line in lines.items()
        if line is not None
    ]
    return (*repository.notes, *found)


def _notes_of(done: PushResult, repository: Repository | None) -> tuple[str, ...]:
    """Return notes on the deployment for one client."""
    if repository is None:
        return done.notes
    first = () if done.was_deployed else _first(repository, done.place)
    return (*done.notes, *use_cases.warnings(repository, done.place), *first)


def _first(repository: Repository, place: ClientFolder) -> tuple[str, ...]:
    """Return notes after the first push."""
    is_named = place.target.has_config and AGENTOS_TOKEN_VARIABLE in repository.fragment
    if not is_named or os.environ.get(AGENTOS_TOKEN_VARIABLE):
        return ()
    told = f'export {AGENTOS_TOKEN_VARIABLE}="$(cat ~/.agentos/token)"'
    return (f"Codex reads the server's token from a variable that is not set here: {told}",)


def _carry_out(
    repository: Repository | None, place: ClientFolder, manner: PushOptions
) -> PushResult:
    if repository is None:
        return use_cases.clean(place, manner)
    return use_cases.push(repository, place, manner)


def _served(
    repository: Repository, place: ClientFolder, settings: Settings, output: Output
) -> tuple[str, ...]:
    """Return notes on tools of the deployed MCP servers that cannot be used."""
    servers = deployed_servers(repository.fragment)
    if not (place.target.has_config and servers and place.home.is_dir()):
        return ()
    env = child_environment(os.environ)
    asking = CodexQuery(find_codex(settings.codex_bin), place.home, env)

    async def notes() -> tuple[str, ...]:
        return tuple([note async for note in deployed_notes(servers, asking)])

    output.progress("asking Codex for the tools of MCP servers …")
    try:
        return asyncio.run(notes())
    except CodexMCPError as error:
        return (f"Codex could not be asked for the tools of MCP servers: {error}",)
    finally:
        output.end_progress()


def check_sync(options: CheckSyncOptions, output: Output) -> int:
    """Report files that a push would change; the exit code is 1 if there are any.

    Raises:
        CodexMCPError: The repository or a client's folder cannot be read.
    """
    settings = load_settings(os.environ)
    places = places_of(options, settings, os.environ)
    repository = read_repository(options.repo)
    asked = _asked(options.deployed)
    found = [(place, use_cases.check(repository, place, asked)) for place in places]
    in_sync = not any(drift for _, drift in found)
    notes = {
        place.target.name: (
            *use_cases.warnings(repository, place),
            *_served(repository, place, settings, output),
        )
        for place in places
    }
    if output.is_json:
        targets = [
            {
                "target": place.target.name,
                "home": str(place.home),
                "inSync": not drift,
                "drift": [
                    {"path": each.path, "state": each.state.value, "detail": each.detail}
                    for each in drift
                ],
                "notes": list(notes[place.target.name]),
            }
            for place, drift in found
        ]
        output.say_json({"inSync": in_sync, "targets": targets})
    else:
        for place, drift in found:
            tell_drift(output, place, drift, notes[place.target.name])
    return ExitCode.DONE if in_sync else ExitCode.FAILED


def _asked(flags: DeployedFlags) -> RequestedChoices:
    return RequestedChoices(flags.native_memories, flags.command_log)


def _strict_check(settings: Settings) -> use_cases.StrictCheck:
    def check(home: Path, files: Mapping[str, bytes]) -> dict[str, str]:
        return strict_problems(
            find_codex(settings.codex_bin), home, files, child_environment(os.environ)
        )

    return check


_MOST_TOLD = 50

_WORDS = {
    State.NEW: "is not deployed yet",
    State.MISSING: "was deployed and is gone",
    State.OUTDATED: "is older than the repository",
    State.EDITED: "was edited there",
    State.FOREIGN: "is there already and is not ours",
    State.IN_THE_WAY: "is in the way and not a plain file",
    State.STALE: "is no longer in the repository",
    State.STALE_EDITED: "is no longer in the repository, and was edited there",
    State.REWRITTEN: "was rewritten by Codex without our markers; push again",
    State.BROKEN: "is broken",
}


def diff_of(done: PushResult) -> str:
    """Return the changes as `diff -u` shows them."""
    changes = done.plan.changes
    return unified_diff(FileChange(Path(each.real), each.before, each.after) for each in changes)


def done_as_json(done: PushResult, notes: Sequence[str], *, dry_run: bool) -> dict[str, object]:
    """Return what was done, or would be, for a program."""
    changes = done.plan.changes
    value: dict[str, object] = {
        "target": done.place.target.name,
        "home": str(done.place.home),
        "written": [each.path for each in changes if each.after is not None],
        "deleted": [each.path for each in changes if each.after is None],
        "copies": [each.backup for each in changes if each.backup is not None],
        "checkedByCodex": done.is_checked,
        "notes": list(notes),
    }
    return {**value, "dryRun": True, "diff": diff_of(done)} if dry_run else value


def tell_done(output: Output, done: PushResult, notes: Sequence[str], *, dry_run: bool) -> None:
    """Print what was done, or would be."""
    changes = done.plan.changes
    if dry_run:
        output.say(diff_of(done) or f"{done.place.target.name}: nothing would change")
    else:
        for change in changes[:_MOST_TOLD]:
            output.say(f"{_verb(change)} {one_line(change.real)}")
        if len(changes) > _MOST_TOLD:
            output.say(f"and {len(changes) - _MOST_TOLD} more")
        for change in changes:
            if change.backup is not None:
                output.note(f"a copy of {change.real} is in {done.place.home / change.backup}")
    for note in notes:
        output.note(f"codexmcp: {note}")
    written = sum(change.after is not None for change in changes)
    checked = "; Codex takes the configuration" if done.is_checked else ""
    would = "would be " if dry_run else ""
    output.note(
        f"{done.place.target.name} ({done.place.home}): {would}{written} written, "
        f"{len(changes) - written} deleted{checked}"
    )


def tell_drift(
    output: Output, place: ClientFolder, drift: Sequence[Drift], notes: Sequence[str]
) -> None:
    """Print the drift."""
    for each in drift[:_MOST_TOLD]:
        detail = f": {each.detail}" if each.detail else ""
        output.say(f"{one_line(str(place.home / each.path))} {_WORDS[each.state]}{detail}")
    if len(drift) > _MOST_TOLD:
        output.say(f"and {len(drift) - _MOST_TOLD} more; --json lists all")
    for note in notes:
        output.note(f"codexmcp: {note}")
    told = f"{len(drift)} differ" if drift else "in sync"
    output.note(f"{place.target.name} ({place.home}): {told}")


def _verb(change: SyncChange) -> str:
    return "deleted" if change.after is None else "written"
