"""A doctor's findings in a Codex home and in settings: pure, from values already read.

Never shows a key, only its location. Must not start anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from codexmcp.appserver.version import newest_tested, parse_version
from codexmcp.codex.access import KeyAccess, OwnAccess
from codexmcp.codex.config import CodexHome
from codexmcp.codex.resolution import Resolution
from codexmcp.data_classes import dataclass
from codexmcp.errors import CredentialsError
from codexmcp.jsonvalues import object_of, text_of


class Severity(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        name: The subject, for example `credentials`.
        severity: The severity.
        detail: The result, and the remedy.
    """

    name: str
    severity: Severity
    detail: str


def is_healthy(findings: list[Finding]) -> bool:
    """Return whether no finding is broken."""
    return all(finding.severity is not Severity.BROKEN for finding in findings)


def build(version: str, codex: Path) -> Finding:
    """Return a finding about a Codex that starts.

    Args:
        version: Its version.
        codex: The binary.
    """
    newest = newest_tested()
    detail = f"{version} starts ({codex}); the newest tested build is {newest}"
    if (parse_version(version) or ()) <= (parse_version(newest) or ()):
        return Finding("codex", Severity.OK, detail)
    remedy = "this one is newer: `codexmcp codex check` tells whether it fits"
    return Finding("codex", Severity.NOTE, f"{detail}, and {remedy}")


def credentials(found: Resolution) -> Finding:
    """Return a finding about Codex's access to the model, by the same decision as at run time."""
    if found.choices.endpoint is not None:
        detail = f"none are needed at {found.choices.endpoint}"
        return Finding("credentials", Severity.OK, detail)
    try:
        way = found.chosen()
    except CredentialsError as error:
        return Finding("credentials", Severity.BROKEN, str(error))
    if isinstance(way, KeyAccess):
        detail = f"the key {_origin(found)}, through a key proxy to {way.base_url}"
        return Finding("credentials", Severity.OK, detail)
    return Finding("credentials", Severity.OK, _own_access(way, found))


def _own_access(way: OwnAccess, found: Resolution) -> str:
    home, provider = found.home, text_of(found.config.get("model_provider"))
    if provider not in {None, "openai"}:
        key = f", with its key from {way.key_variable}" if way.key_variable else ""
        return f"the provider {provider} of config.toml{key}"
    if not home.has_login:
        return "a login that Codex keeps in the keyring of this system"
    kind = "an API key" if home.login_key else "a ChatGPT account"
    unused = f"; the key {_origin(found)} comes second" if found.settings.api_key else ""
    return f"the login with {kind} in {home.auth_file}{unused}"


def _origin(found: Resolution) -> str:
    settings = found.settings
    if settings.api_key is None:
        return f"of the login in {found.home.auth_file}"
    if settings.key_file is None:
        return "of the environment"
    # A path like /dev/fd/N would not help the user.
    is_file = settings.key_file.is_file()
    return f"in {settings.key_file}" if is_file else "that was handed over through a pipe"


def legacy_settings(home: CodexHome) -> Iterator[Finding]:
    """Yield findings about settings in config.toml that Codex no longer reads.

    Source: measured on 0.163.0. `profile = "x"` and `wire_api = "chat"` prevent threads from
    starting; a table `[profiles.x]` is silently ignored.
    """
    profile = text_of(home.config.get("profile"))
    if profile is not None:
        yield Finding(
            "config.toml",
            Severity.BROKEN,
            f'`profile = "{profile}"` is no longer read: remove the line, move what it names to '
            f"{home.path / f'{profile}.config.toml'}, and choose it by --profile",
        )
    for name in object_of(home.config.get("profiles")):
        yield Finding(
            "config.toml",
            Severity.NOTE,
            f"[profiles.{name}] is ignored: move it to {home.path / f'{name}.config.toml'}",
        )
    for name, provider in object_of(home.config.get("model_providers")).items():
        if object_of(provider).get("wire_api") == "chat":
            yield Finding(
                "config.toml",
                Severity.BROKEN,
                f'[model_providers.{name}] has the removed wire_api = "chat": set wire_api = '
                '"responses", and use an endpoint with a Responses API',
            )


def skills(home: Path, names: list[str] | None) -> Finding:
    """Return a finding about the folder of skills.

    Args:
        home: The Codex home.
        names: The folders with a SKILL.md. None: no folder of skills.
    """
    folder = home / "skills"
    if names is None:
        return Finding("skills", Severity.NOTE, f"no folder {folder}")
    if not names:
        return Finding("skills", Severity.NOTE, f"no skills in {folder}")
    return Finding("skills", Severity.OK, f"{', '.join(sorted(names))} in {folder}")


def sandbox(mode: str, wanted: str, error: str | None) -> Finding:
    """Return a finding about a sandbox mode.

    Args:
        mode: The tested mode.
        wanted: The mode for commands.
        error: Codex's error message. None: success.
    """
    name = f"sandbox {mode}"
    if error is None:
        return Finding(name, Severity.OK, "a command ran in it")
    if mode == wanted:
        remedy = (
            "in a container add --security-opt seccomp=scripts/seccomp.json, elsewhere allow "
            "unprivileged user namespaces; or set CODEX_SANDBOX_MODE=danger-full-access where a "
            "container or machine is the sandbox"
        )
        return Finding(name, Severity.BROKEN, f"no command can run: {error}; {remedy}")
    return Finding(name, Severity.NOTE, f"is blocked here ({error}); CODEX_SANDBOX_MODE={wanted}")
