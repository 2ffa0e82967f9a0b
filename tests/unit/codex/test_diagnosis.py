from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.contract import contract
from codexmcp.codex import diagnosis
from codexmcp.codex.access import OwnAccess
from codexmcp.codex.config import CodexHome
from codexmcp.codex.diagnosis import Finding, Severity
from codexmcp.codex.resolution import CodexChoices, Resolution
from codexmcp.settings import Settings

KEY = "sk-canary-0123456789"
HOME = Path("/srv/codex")


def home(login: str | None = None, **config: Any) -> CodexHome:
    return CodexHome(HOME, config, has_login=login is not None, login_key=login or None)


def found(settings: Settings, codex_home: CodexHome) -> Resolution:
    env = {"LAB_KEY": "k"}
    return Resolution(settings, CodexChoices(), Path("/codex"), codex_home, env, OwnAccess())


def test_without_a_key_the_remedy_is_told() -> None:
    finding = diagnosis.credentials(found(Settings(), home()))
    assert finding.severity is Severity.BROKEN
    assert "set OPENAI_API_KEY" in finding.detail


@pytest.mark.parametrize(
    ("settings", "codex_home", "detail"),
    [
        (
            Settings(api_key=KEY),
            home(),
            "the key of the environment, through a key proxy to https://api.openai.com/v1",
        ),
        (
            Settings(api_key=KEY, base_url="http://h/v1", key_file=Path("/dev/fd/63")),
            home(),
            "the key that was handed over through a pipe, through a key proxy to http://h/v1",
        ),
        (
            Settings(base_url="http://h/v1"),
            home(KEY),
            "the key of the login in /srv/codex/auth.json, through a key proxy to http://h/v1",
        ),
        (Settings(), home(KEY), "the login with an API key in /srv/codex/auth.json"),
        (
            Settings(api_key=KEY),
            home(""),
            (
                "the login with a ChatGPT account in /srv/codex/auth.json; "
                "the key of the environment comes second"
            ),
        ),
        (
            Settings(),
            home(model_provider="lab", model_providers={"lab": {"env_key": "LAB_KEY"}}),
            "the provider lab of config.toml, with its key from LAB_KEY",
        ),
        (Settings(), home(model_provider="lab"), "the provider lab of config.toml"),
    ],
)
def test_the_credentials_that_win_are_named_with_their_origin(
    settings: Settings, codex_home: CodexHome, detail: str
) -> None:
    finding = diagnosis.credentials(found(settings, codex_home))
    assert finding == Finding("credentials", Severity.OK, detail)
    assert KEY not in finding.detail


def test_a_key_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(KEY)
    finding = diagnosis.credentials(found(Settings(api_key=KEY, key_file=file), home()))
    assert finding.detail.startswith(f"the key in {file}, ")


def test_a_current_configuration_gives_no_finding() -> None:
    config = home(model="m", model_providers={"lab": {"wire_api": "responses"}})
    assert list(diagnosis.legacy_settings(config)) == []


@pytest.mark.parametrize(
    ("config", "verdict", "detail"),
    [
        ({"profile": "fast"}, Severity.BROKEN, "move what it names to /srv/codex/fast.config.toml"),
        ({"profiles": {"a": {}}}, Severity.NOTE, "[profiles.a] is ignored"),
        ({"model_providers": {"lab": {"wire_api": "chat"}}}, Severity.BROKEN, '"responses"'),
    ],
)
def test_what_codex_no_longer_reads_is_told(
    config: dict[str, Any], verdict: Severity, detail: str
) -> None:
    (found,) = diagnosis.legacy_settings(home(**config))
    assert found.severity is verdict
    assert detail in found.detail


@pytest.mark.parametrize(
    ("names", "verdict", "detail"),
    [
        (None, Severity.NOTE, "no folder /srv/codex/skills"),
        ([], Severity.NOTE, "no skills in /srv/codex/skills"),
        (["b", "a"], Severity.OK, "a, b in /srv/codex/skills"),
    ],
)
def test_skills_are_listed(names: list[str] | None, verdict: Severity, detail: str) -> None:
    assert diagnosis.skills(HOME, names) == Finding("skills", verdict, detail)


@pytest.mark.parametrize(
    ("wanted", "complaint", "verdict"),
    [
        ("read-only", None, Severity.OK),
        ("read-only", "bwrap: no", Severity.BROKEN),
        ("danger-full-access", "bwrap: no", Severity.NOTE),
    ],
)
def test_a_blocked_sandbox_is_broken_only_where_it_is_wanted(
    wanted: str, complaint: str | None, verdict: Severity
) -> None:
    found = diagnosis.sandbox("read-only", wanted, complaint)
    assert found.severity is verdict
    assert (complaint or "") in found.detail


def test_only_what_is_broken_makes_the_whole_unhealthy() -> None:
    fine = [Finding("a", Severity.OK, ""), Finding("b", Severity.NOTE, "")]
    assert diagnosis.is_healthy(fine)
    assert not diagnosis.is_healthy([*fine, Finding("c", Severity.BROKEN, "")])


@pytest.mark.parametrize("version", contract().tested)
def test_a_tested_build_is_ok_and_the_newest_tested_is_named(version: str) -> None:
    found = diagnosis.build(version, Path("/opt/codex"))
    assert found.severity is Severity.OK
    newest = contract().tested[-1]
    assert found.detail == f"{version} starts (/opt/codex); the newest tested build is {newest}"


def test_a_build_newer_than_all_tested_is_noted_with_the_check() -> None:
    found = diagnosis.build("99.0.0", Path("/opt/codex"))
    assert found.severity is Severity.NOTE
    assert "this one is newer: `codexmcp codex check`" in found.detail
