"""What a doctor finds in a Codex home and in settings: pure, from values that were read.

Never names a key, only where it lies. Must not start anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from codexmcp.errors import CredentialsError
from codexmcp.home.access import KeyAccess, OwnAccess, choose_access
from codexmcp.home.config import CodexHome
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.settings import Settings


class Verdict(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What was looked at, such as `credentials`.
        verdict: How it is to be taken.
        detail: What was found, and what to do about it.
    """

    name: str
    verdict: Verdict
    detail: str


def is_healthy(findings: list[Finding]) -> bool:
    """Return whether nothing is broken."""
    return all(finding.verdict is not Verdict.BROKEN for finding in findings)


def credentials(settings: Settings, home: CodexHome) -> Finding:
    """Return how Codex will reach its model, by the same decision as when it runs."""
    key = settings.api_key or home.login_key
    try:
        way = choose_access(
            key=key, base_url=settings.base_url, config=home.config, has_login=home.has_login
        )
    except CredentialsError as error:
        return Finding("credentials", Verdict.BROKEN, str(error))
    match way:
        case KeyAccess(base_url=base_url):
            origin = _origin(settings, home)
            return Finding(
                "credentials", Verdict.OK, f"the key {origin}, through a key proxy to {base_url}"
            )
        case OwnAccess():
            return Finding("credentials", Verdict.OK, _own_access(way, settings, home))


def _own_access(way: OwnAccess, settings: Settings, home: CodexHome) -> str:
    provider = text_of(home.config.get("model_provider"))
    if provider not in {None, "openai"}:
        key = f", with its key from {way.key_variable}" if way.key_variable else ""
        return f"the provider {provider} of config.toml{key}"
    kind = "an API key" if home.login_key else "a ChatGPT account"
    unused = "" if settings.api_key is None else f"; the key {_origin(settings, home)} comes second"
    return f"the login with {kind} in {home.auth_file}{unused}"


def _origin(settings: Settings, home: CodexHome) -> str:
    if settings.api_key is None:
        return f"of the login in {home.auth_file}"
    if settings.key_file is None:
        return "of the environment"
    # /dev/fd/N says nothing to anybody.
    is_file = settings.key_file.is_file()
    return f"in {settings.key_file}" if is_file else "that was handed over through a pipe"


def legacy_settings(home: CodexHome) -> Iterator[Finding]:
    """Yield what in config.toml Codex has stopped to read.

    Source: measured on 0.163.0. `profile = "x"` and `wire_api = "chat"` keep threads from starting;
    a table `[profiles.x]` is passed over in silence.
    """
    profile = text_of(home.config.get("profile"))
    if profile is not None:
        yield Finding(
            "config.toml",
            Verdict.BROKEN,
            f'`profile = "{profile}"` is no longer read: remove the line, move what it names to '
            f"{home.path / f'{profile}.config.toml'}, and choose it by --profile",
        )
    for name in object_of(home.config.get("profiles")):
        yield Finding(
            "config.toml",
            Verdict.NOTE,
            f"[profiles.{name}] is passed over: move it to {home.path / f'{name}.config.toml'}",
        )
    for name, provider in object_of(home.config.get("model_providers")).items():
        if object_of(provider).get("wire_api") == "chat":
            yield Finding(
                "config.toml",
                Verdict.BROKEN,
                f'[model_providers.{name}] says wire_api = "chat", which is gone: set it to '
                '"responses", and use an endpoint with a Responses API',
            )


def skills(home: Path, names: list[str] | None) -> Finding:
    """Return what the folder of skills holds.

    Args:
        home: The Codex home.
        names: The folders with a SKILL.md; None when there is no folder of skills.
    """
    folder = home / "skills"
    if names is None:
        return Finding("skills", Verdict.NOTE, f"there is no folder {folder}")
    if not names:
        return Finding("skills", Verdict.NOTE, f"{folder} holds none")
    return Finding("skills", Verdict.OK, f"{', '.join(sorted(names))} in {folder}")


def sandbox(mode: str, wanted: str, complaint: str | None) -> Finding:
    """Return whether a sandbox mode works.

    Args:
        mode: The mode that was tried.
        wanted: The mode that commands are to run in.
        complaint: What Codex said when it failed; None when it worked.
    """
    name = f"sandbox {mode}"
    if complaint is None:
        return Finding(name, Verdict.OK, "a command ran in it")
    if mode == wanted:
        remedy = (
            "in a container add --security-opt seccomp=scripts/seccomp.json, elsewhere allow "
            "unprivileged user namespaces; or set CODEX_SANDBOX_MODE=danger-full-access where a "
            "container or machine is the sandbox"
        )
        return Finding(name, Verdict.BROKEN, f"no command can run: {complaint}; {remedy}")
    return Finding(
        name, Verdict.NOTE, f"is blocked here ({complaint}); CODEX_SANDBOX_MODE={wanted}"
    )
