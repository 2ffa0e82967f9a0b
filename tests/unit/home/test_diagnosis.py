from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.home import diagnosis
from codexmcp.home.config import CodexHome
from codexmcp.home.diagnosis import Finding, Verdict
from codexmcp.settings import Settings

KEY = "sk-canary-0123456789"
HOME = Path("/srv/codex")


def home(login: str | None = None, **config: Any) -> CodexHome:
    return CodexHome(HOME, config, has_login=login is not None, login_key=login or None)


def test_without_a_key_the_remedy_is_told() -> None:
    found = diagnosis.credentials(Settings(), home())
    assert found.verdict is Verdict.BROKEN
    assert "set OPENAI_API_KEY" in found.detail


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
    found = diagnosis.credentials(settings, codex_home)
    assert found == Finding("credentials", Verdict.OK, detail)
    assert KEY not in found.detail


def test_a_key_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(KEY)
    found = diagnosis.credentials(Settings(api_key=KEY, key_file=file), home())
    assert found.detail.startswith(f"the key in {file}, ")


def test_a_current_configuration_gives_no_finding() -> None:
    config = home(model="m", model_providers={"lab": {"wire_api": "responses"}})
    assert list(diagnosis.legacy_settings(config)) == []


@pytest.mark.parametrize(
    ("config", "verdict", "detail"),
    [
        ({"profile": "fast"}, Verdict.BROKEN, "move what it names to /srv/codex/fast.config.toml"),
        ({"profiles": {"a": {}}}, Verdict.NOTE, "[profiles.a] is passed over"),
        ({"model_providers": {"lab": {"wire_api": "chat"}}}, Verdict.BROKEN, '"responses"'),
    ],
)
def test_what_codex_no_longer_reads_is_told(
    config: dict[str, Any], verdict: Verdict, detail: str
) -> None:
    (found,) = diagnosis.legacy_settings(home(**config))
    assert found.verdict is verdict
    assert detail in found.detail


@pytest.mark.parametrize(
    ("names", "verdict", "detail"),
    [
        (None, Verdict.NOTE, "there is no folder /srv/codex/skills"),
        ([], Verdict.NOTE, "/srv/codex/skills holds none"),
        (["b", "a"], Verdict.OK, "a, b in /srv/codex/skills"),
    ],
)
def test_skills_are_listed(names: list[str] | None, verdict: Verdict, detail: str) -> None:
    assert diagnosis.skills(HOME, names) == Finding("skills", verdict, detail)


@pytest.mark.parametrize(
    ("wanted", "complaint", "verdict"),
    [
        ("read-only", None, Verdict.OK),
        ("read-only", "bwrap: no", Verdict.BROKEN),
        ("danger-full-access", "bwrap: no", Verdict.NOTE),
    ],
)
def test_a_blocked_sandbox_is_broken_only_where_it_is_wanted(
    wanted: str, complaint: str | None, verdict: Verdict
) -> None:
    found = diagnosis.sandbox("read-only", wanted, complaint)
    assert found.verdict is verdict
    assert (complaint or "") in found.detail


def test_only_what_is_broken_makes_the_whole_unhealthy() -> None:
    fine = [Finding("a", Verdict.OK, ""), Finding("b", Verdict.NOTE, "")]
    assert diagnosis.is_healthy(fine)
    assert not diagnosis.is_healthy([*fine, Finding("c", Verdict.BROKEN, "")])
