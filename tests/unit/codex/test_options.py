from __future__ import annotations

from pathlib import Path

from codexmcp.codex.access import KeyAccess, OwnAccess
from codexmcp.codex.config import CodexHome
from codexmcp.codex.options import codex_options
from codexmcp.codex.resolution import CodexChoices, Resolution
from codexmcp.settings import Settings


def found(*, endpoint: str | None = None, has_key: bool = False) -> Resolution:
    access = KeyAccess("sk-x", "https://host/v1") if has_key else OwnAccess()
    choices = CodexChoices(overrides=['model="mine"'], endpoint=endpoint)
    return Resolution(Settings(), choices, Path("/codex"), CodexHome(Path("/home")), {}, access)


def test_a_codex_with_access_of_its_own_gets_the_users_settings_alone() -> None:
    options = codex_options(found())
    assert (options.proxy, options.launch.overrides) == (None, ['model="mine"'])


def test_a_key_is_given_to_a_proxy_and_not_to_codex() -> None:
    options = codex_options(found(has_key=True))
    assert options.proxy is not None
    assert "sk-x" not in repr(options)


def test_an_endpoint_that_needs_no_key_takes_the_place_of_the_proxy() -> None:
    options = codex_options(found(endpoint="http://127.0.0.1:1/v1", has_key=True))
    assert options.proxy is None
    assert any("http://127.0.0.1:1/v1" in each for each in options.launch.overrides)


def test_the_users_settings_come_after_the_bounds_on_retries() -> None:
    overrides = list(codex_options(found(has_key=True)).launch.overrides)
    assert overrides.index('model="mine"') == len(overrides) - 1 > 0
