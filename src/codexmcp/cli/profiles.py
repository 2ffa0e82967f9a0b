"""`codexmcp profiles`: list, show, add, remove, migrate; `check` is in `profiles_check`."""

from __future__ import annotations

import os
from pathlib import Path

from codexmcp.cli.home_changes import Done, carry_out, home_folder
from codexmcp.cli.options.parts import OutputFlags, WritingFlags
from codexmcp.cli.options.profiles import (
    ProfileAddOptions,
    ProfileMigrateOptions,
    ProfileRemoveOptions,
    ProfileShowOptions,
)
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line, table
from codexmcp.errors import ExitCode, UsageError
from codexmcp.home.changes import read_file
from codexmcp.home.profiles.expectation import expectation
from codexmcp.home.profiles.files import (
    parsed,
    profile_names,
    profile_path,
    profile_text,
)
from codexmcp.home.profiles.fragments import (
    FRAGMENTS,
    ProfileChoices,
    fragment_text,
    rendered,
    summary,
)
from codexmcp.home.profiles.plans import ProfilesPlan, plan_add, plan_migrate, plan_remove
from codexmcp.runs.audit.secret_shapes import SHAPES


def list_profiles(_: OutputFlags, output: Output) -> int:
    """List the profiles of the home, and ready profiles."""
    home = home_folder()
    there = [_facts(name, profile_text(home, name), home) for name in profile_names(home)]
    ready = [
        {"name": name, "for": summary(fragment_text(name))}
        for name in FRAGMENTS
        if not profile_path(home, name).exists()
    ]
    if output.is_json:
        output.say_json({"home": str(home), "profiles": there, "ready": ready})
        return ExitCode.DONE
    if there:
        rows = [("PROFILE", "MODEL", "PROVIDER", "KEY"), *map(_row, there)]
        for line in table(rows, output.width):
            output.say(line)
    else:
        output.say(f"no profiles in {home}")
    if ready:
        output.say("\nready to add (`codexmcp profiles add NAME`):")
        for line in table([(f"  {each['name']}", each["for"]) for each in ready], output.width):
            output.say(line)
    return ExitCode.DONE


def _facts(name: str, text: str, home: Path) -> dict[str, object]:
    expected = expectation(parsed(profile_path(home, name), text))
    return {
        "name": name,
        "model": expected.model,
        "provider": expected.provider,
        "key_variable": expected.key_variable,
        "key_is_set": all(os.environ.get(variable) for variable in expected.variables),
    }


def _row(facts: dict[str, object]) -> tuple[str, ...]:
    variable = facts["key_variable"]
    key = "-" if variable is None else f"{variable}{'' if facts['key_is_set'] else ' (not set)'}"
    words = (facts["name"], facts["model"] or "-", facts["provider"], key)
    return tuple(one_line(str(word)) for word in words)


def show(options: ProfileShowOptions, output: Output) -> int:
    """Print a profile.

    Raises:
        ConfigurationError: There is no such profile.
    """
    home, name = home_folder(), options.name
    path = profile_path(home, name)
    is_there = read_file(path) is not None
    text = profile_text(home, name) if is_there or name not in FRAGMENTS else fragment_text(name)
    if output.is_json:
        output.say_json({"name": name, "path": str(path), "is_there": is_there, "text": text})
    else:
        if not is_there:
            output.note(f"not in {home} yet; `codexmcp profiles add {name}` adds it")
        output.say(text.removesuffix("\n"))
    return ExitCode.DONE


def add(options: ProfileAddOptions, output: Output) -> int:
    """Add ready profiles.

    Raises:
        UsageError: One name is given for several profiles.
        ConfigurationError: A file has other contents; then nothing is written.
    """
    home = home_folder()
    choices = ProfileChoices(options.model, options.base_url, options.env_key)
    if options.as_ is not None and len(options.names) > 1:
        raise UsageError("--as names one profile; add one at a time with it")
    texts = {options.as_ or name: rendered(name, choices, SHAPES) for name in options.names}
    done = carry_out(
        home,
        lambda: plan_add(home, texts, replace=options.replace),
        output,
        dry_run=options.dry_run,
    )
    _tell(done, options, output, "added", [f"codex --profile {name}" for name in texts])
    return ExitCode.DONE


def remove(options: ProfileRemoveOptions, output: Output) -> int:
    """Delete profiles.

    Raises:
        ConfigurationError: There is no such profile; then nothing is written.
    """
    home = home_folder()
    done = carry_out(
        home, lambda: plan_remove(home, options.names), output, dry_run=options.dry_run
    )
    _tell(done, options, output, "removed", [])
    return ExitCode.DONE


def migrate(options: ProfileMigrateOptions, output: Output) -> int:
    """Turn the tables of profiles in config.toml into files.

    Raises:
        ConfigurationError: A file has other contents; then nothing is written.
    """
    home = home_folder()
    done = carry_out(
        home,
        lambda: plan_migrate(home, replace=options.replace),
        output,
        dry_run=options.dry_run,
    )
    plan = done.plan
    if not plan.names and not plan.left and plan.default is None and not output.is_json:
        output.say(f"{home / 'config.toml'} has no profiles of the old kind")
        return ExitCode.DONE
    for told in plan.left:
        output.note(f"not moved: {told}")
    _tell(done, options, output, "moved into files", _advice(plan))
    return ExitCode.FAILED if plan.left else ExitCode.DONE


def _advice(plan: ProfilesPlan) -> list[str]:
    then = ["codexmcp profiles check"]
    if plan.default not in plan.names:
        return then
    return [
        f"codex --profile {plan.default}  (the previous default; Codex has no default profile)",
        f"or make it the default: put the lines of {plan.default}.config.toml into config.toml",
        *then,
    ]


def _tell(
    done: Done[ProfilesPlan],
    options: WritingFlags,
    output: Output,
    verb: str,
    advice: list[str],
) -> None:
    if output.is_json:
        told = {"profiles": list(done.plan.names), "default": done.plan.default}
        told["left"] = list(done.plan.left)
        output.say_json({**told, "dry_run": options.dry_run, **done.as_json()})
        return
    if options.dry_run:
        return
    names = ", ".join(done.plan.names) or "nothing"
    output.say(f"{verb}: {names}" if done.plan.changes else f"{names}: nothing to change")
    for line in advice:
        output.note(f"  now: {line}")
