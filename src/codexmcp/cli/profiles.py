"""`codexmcp profiles`: list, show, add, remove, migrate; `check` is in `profiles_check`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from codexmcp.cli.home_changes import Done, carry_out, home_folder
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
    Choices,
    fragment_text,
    rendered,
    summary,
)
from codexmcp.home.profiles.plans import Plan, plan_add, plan_migrate, plan_remove
from codexmcp.runs.audit.secret_shapes import SHAPES


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        CodexMCPError: It cannot be done; then nothing is written.
    """
    output = Output(is_json=arguments.json)
    try:
        match arguments.verb:
            case "list":
                return _list(home_folder(), output)
            case "show":
                return _show(home_folder(), arguments.name, output)
            case "add":
                return _add(home_folder(), arguments, output)
            case "remove":
                return _remove(home_folder(), arguments, output)
            case "migrate":
                return _migrate(home_folder(), arguments, output)
            case _:
                from codexmcp.cli.profiles_check import check  # noqa: PLC0415 - asyncio, h11

                return check(arguments, output)
    finally:
        output.close()


def _list(home: Path, output: Output) -> int:
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


def _show(home: Path, name: str, output: Output) -> int:
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


def _add(home: Path, arguments: argparse.Namespace, output: Output) -> int:
    choices = Choices(arguments.model, arguments.base_url, arguments.env_key)
    if arguments.as_name is not None and len(arguments.names) > 1:
        raise UsageError("--as names one profile; add one at a time with it")
    texts = {arguments.as_name or name: rendered(name, choices, SHAPES) for name in arguments.names}
    done = carry_out(
        home,
        lambda: plan_add(home, texts, replace=arguments.replace),
        output,
        dry_run=arguments.dry_run,
    )
    _tell(done, arguments, output, "added", [f"codex --profile {name}" for name in texts])
    return ExitCode.DONE


def _remove(home: Path, arguments: argparse.Namespace, output: Output) -> int:
    done = carry_out(
        home, lambda: plan_remove(home, arguments.names), output, dry_run=arguments.dry_run
    )
    _tell(done, arguments, output, "removed", [])
    return ExitCode.DONE


def _migrate(home: Path, arguments: argparse.Namespace, output: Output) -> int:
    done = carry_out(
        home,
        lambda: plan_migrate(home, replace=arguments.replace),
        output,
        dry_run=arguments.dry_run,
    )
    plan = done.plan
    if not plan.names and plan.default is None and not output.is_json:
        output.say(f"{home / 'config.toml'} has no profiles of the old kind")
        return ExitCode.DONE
    _tell(done, arguments, output, "moved into files", _advice(plan))
    return ExitCode.DONE


def _advice(plan: Plan) -> list[str]:
    then = ["codexmcp profiles check"]
    if plan.default is None:
        return then
    return [
        f"codex --profile {plan.default}  (the default so far; Codex has none any more)",
        f"or make it so again: put the lines of {plan.default}.config.toml into config.toml",
        *then,
    ]


def _tell(
    done: Done[Plan],
    arguments: argparse.Namespace,
    output: Output,
    verb: str,
    advice: list[str],
) -> None:
    if output.is_json:
        told = {"profiles": list(done.plan.names), "default": done.plan.default}
        output.say_json({**told, "dry_run": arguments.dry_run, **done.as_json()})
        return
    if arguments.dry_run:
        return
    names = ", ".join(done.plan.names) or "nothing"
    output.say(f"{verb}: {names}" if done.plan.changes else f"{names}: nothing to change")
    for line in advice:
        output.note(f"  now: {line}")
