"""`codexmcp profiles check`: the real Codex, and without `--live` a stand-in for the endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from codexmcp.cli.checks import Check, Checked, make_checks
from codexmcp.cli.options.profiles import ProfileCheckOptions
from codexmcp.cli.output import Output
from codexmcp.codex.binary import find_codex
from codexmcp.codex.config import default_home
from codexmcp.errors import ConfigurationError
from codexmcp.home.profiles.check import Checker, StandIn
from codexmcp.home.profiles.files import missing, profile_names, profile_path
from codexmcp.home.profiles.verdict import Verdict
from codexmcp.rehearsal.responses import Message, Reply
from codexmcp.rehearsal.server import ModelServer
from codexmcp.settings import KEY_VARIABLES, Settings, child_environment, load_settings

_COST = "calling the real endpoint of {} with a prompt of five words: this costs money"


def check(options: ProfileCheckOptions, output: Output) -> int:
    """Check profiles and return the exit code.

    Raises:
        ConfigurationError: There are no such profiles, or a file is broken.
        CodexBinaryError: Codex cannot be started.
    """
    env = dict(os.environ)
    settings = load_settings(env)
    home = settings.codex_home or default_home()
    names = list(dict.fromkeys(options.names)) or profile_names(home)
    unknown = [name for name in names if not profile_path(home, name).is_file()]
    if unknown:
        raise ConfigurationError(missing(home, unknown))
    if not names:
        output.note(f"there are no profiles in {home}; `codexmcp profiles add` makes ready ones")
    if options.live and names:
        output.note(_COST.format(", ".join(names) if options.names else "every profile"))
    checker = _checker(home, settings, env)
    return make_checks((_check_of(checker, name, live=options.live) for name in names), output)


def _checker(home: Path, settings: Settings, env: Mapping[str, str]) -> Checker:
    key = settings.api_key
    keys: dict[str, str] = {} if key is None else dict.fromkeys(KEY_VARIABLES, key)
    return Checker(home, find_codex(settings.codex_bin), child_environment(env), keys)


def _check_of(checker: Checker, name: str, *, live: bool) -> Check:
    async def check() -> Checked:
        verdict = await (checker.check_live(name) if live else _check_offline(checker, name))
        return _checked(verdict, live=live)

    return Check(f"checking {name} …", check)


async def _check_offline(checker: Checker, name: str) -> Verdict:
    async with ModelServer(lambda _: Reply((Message("OK"),))) as server:
        origin = server.base_url.removesuffix("/v1")
        return await checker.check(name, StandIn(origin, lambda: server.requests))


def _checked(verdict: Verdict, *, live: bool) -> Checked:
    how = "called" if live else "sent to a stand-in"
    return Checked(
        is_ok=verdict.is_ok,
        head=f"{verdict.profile}: {'ok' if verdict.is_ok else 'broken'}",
        facts=(
            ("model", verdict.model or "-"),
            ("endpoint", f"{verdict.url or '-'} ({how})"),
            ("key", verdict.key),
            *(("wrong:", fault) for fault in verdict.faults),
            *(("note:", note) for note in verdict.notes),
        ),
        fields={
            "profile": verdict.profile,
            "ok": verdict.is_ok,
            "model": verdict.model,
            "url": verdict.url,
            "key": verdict.key,
            "faults": list(verdict.faults),
            "notes": list(verdict.notes),
        },
    )
