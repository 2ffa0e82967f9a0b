"""`codexmcp sync`: push-runtime, clean-runtime and check-sync; pull-runtime is a module beside."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from codexmcp.cli.output import Output
from codexmcp.cli.sync_arguments import TARGETS as NAMES
from codexmcp.cli.sync_text import done_as_json, tell_done, tell_drift
from codexmcp.errors import ExitCode, UsageError
from codexmcp.home.binary import find_codex
from codexmcp.home.sync import use_cases
from codexmcp.home.sync.repository import FRAGMENT, PROFILES, Repository, read_repository
from codexmcp.home.sync.strict_check import strict_problems
from codexmcp.home.sync.targets import TARGETS, home_of
from codexmcp.home.sync.use_cases import Asked, Done, Manner, Place
from codexmcp.settings import (
    AGENTOS_TOKEN_VARIABLE,
    Settings,
    child_environment,
    load_settings,
    secret_values,
)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        CodexMCPError: It cannot be done; then nothing is written.
    """
    output = Output(is_json=arguments.json)
    settings = load_settings(os.environ)
    places = _places(arguments, settings, os.environ)
    try:
        match arguments.verb:
            case "check-sync":
                return _check(arguments, places, output)
            case "pull-runtime":
                # Only what looks for secrets waits for their patterns, which take 20 ms.
                from codexmcp.cli.sync_pull import pull_runtime  # noqa: PLC0415

                return pull_runtime(arguments, places, settings, output)
            case _:
                return _write(arguments, places, settings, output)
    finally:
        output.close()


def _places(
    arguments: argparse.Namespace, settings: Settings, env: Mapping[str, str]
) -> list[Place]:
    names = list(dict.fromkeys(arguments.target or ["codex"]))
    if "all" in names:
        names = list(NAMES)
    if arguments.home and len(names) > 1:
        raise UsageError("--home is the folder of one client; name one with --target")
    places: list[Place] = []
    for name in names:
        target = TARGETS[name]
        home = home_of(target, env, Path.home())
        if target.has_config and settings.codex_home:
            home = settings.codex_home
        places.append(Place(target, (arguments.home or home).expanduser().absolute()))
    return places


def _write(
    arguments: argparse.Namespace, places: Sequence[Place], settings: Settings, output: Output
) -> int:
    is_clean = arguments.verb == "clean-runtime"
    repository = None
    if not (is_clean and arguments.no_redeploy):
        repository = read_repository(arguments.repo)
    manner = Manner(
        asked=_asked(arguments),
        force=arguments.force,
        rebuild=is_clean,
        dry_run=arguments.dry_run,
        check=None if arguments.no_check else _strict_check(settings),
    )
    if len(places) > 1 and not arguments.dry_run:
        # What stands in the way at one client shall keep the others as they were.
        for place in places:
            _carry_out(repository, place, replace(manner, dry_run=True))
    known = _notes(repository, settings) if repository else ()
    told: list[dict[str, object]] = []
    for place in places:
        done = _carry_out(repository, place, manner)
        notes = (*known, *_notes_of(done, repository))
        told.append(done_as_json(done, notes, dry_run=arguments.dry_run))
        if not output.is_json:
            tell_done(output, done, notes, dry_run=arguments.dry_run)
    if output.is_json:
        output.say_json({"targets": told})
    return ExitCode.DONE


def _notes(repository: Repository, settings: Settings) -> tuple[str, ...]:
    """Return what people should know of the repository."""
    from codexmcp.cli.sync_pull import secret_line  # noqa: PLC0415 - as above
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


def _notes_of(done: Done, repository: Repository | None) -> tuple[str, ...]:
    """Return what people should know of what was done for one client."""
    if repository is None:
        return done.notes
    first = () if done.was_deployed else _first(repository, done.place)
    return (*done.notes, *use_cases.warnings(repository, done.place), *first)


def _first(repository: Repository, place: Place) -> tuple[str, ...]:
    """Return what people should know after the first push."""
    is_named = place.target.has_config and AGENTOS_TOKEN_VARIABLE in repository.fragment
    if not is_named or os.environ.get(AGENTOS_TOKEN_VARIABLE):
        return ()
    told = f'export {AGENTOS_TOKEN_VARIABLE}="$(cat ~/.agentos/token)"'
    return (f"Codex reads the server's token from a variable that is not set here: {told}",)


def _carry_out(repository: Repository | None, place: Place, manner: Manner) -> Done:
    if repository is None:
        return use_cases.clean(place, manner)
    return use_cases.push(repository, place, manner)


def _check(arguments: argparse.Namespace, places: Sequence[Place], output: Output) -> int:
    repository = read_repository(arguments.repo)
    found = [(place, use_cases.check(repository, place, _asked(arguments))) for place in places]
    in_sync = not any(drift for _, drift in found)
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
                "notes": list(use_cases.warnings(repository, place)),
            }
            for place, drift in found
        ]
        output.say_json({"inSync": in_sync, "targets": targets})
    else:
        for place, drift in found:
            tell_drift(output, place, drift, use_cases.warnings(repository, place))
    return ExitCode.DONE if in_sync else ExitCode.FAILED


def _asked(arguments: argparse.Namespace) -> Asked:
    return Asked(arguments.native_memories, arguments.command_log)


def _strict_check(settings: Settings) -> use_cases.StrictCheck:
    def check(home: Path, files: Mapping[str, bytes]) -> dict[str, str]:
        return strict_problems(
            find_codex(settings.codex_bin), home, files, child_environment(os.environ)
        )

    return check
