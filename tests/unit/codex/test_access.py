from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.codex.access import (
    OPENAI_BASE_URL,
    STREAM_MAX_RETRIES,
    KeyAccess,
    OwnAccess,
    choose_access,
    provider_overrides,
    retry_overrides,
)
from codexmcp.errors import CredentialsError

KEY = "sk-canary-0123456789"
URL = "http://h:1/v1"


def choose(
    key: str | None = None,
    base_url: str | None = None,
    config: dict[str, Any] | None = None,
    *,
    has_login: bool = False,
) -> KeyAccess | OwnAccess:
    chosen = choose_access(key=key, base_url=base_url, config=config or {}, has_login=has_login)
    assert isinstance(chosen, KeyAccess | OwnAccess)
    return chosen


def test_a_key_goes_to_openai() -> None:
    assert choose(KEY) == KeyAccess(KEY, OPENAI_BASE_URL)


def test_a_key_goes_to_the_endpoint_that_is_asked_for() -> None:
    assert choose(KEY, URL) == KeyAccess(KEY, URL)
    assert choose(KEY, URL, {"openai_base_url": "http://other"}) == KeyAccess(KEY, URL)


def test_a_key_goes_to_the_configured_endpoint_when_no_other_is_asked_for() -> None:
    assert choose(KEY, None, {"openai_base_url": f"{URL}/"}) == KeyAccess(KEY, URL)


@pytest.mark.parametrize("value", ["", 5, None])
def test_a_configured_endpoint_that_is_none_is_passed_over(value: object) -> None:
    assert choose(KEY, None, {"openai_base_url": value}) == KeyAccess(KEY, OPENAI_BASE_URL)


def test_a_login_wins_over_a_key() -> None:
    assert choose(KEY, has_login=True) == OwnAccess()


def test_an_endpoint_that_is_asked_for_wins_over_a_login() -> None:
    assert choose(KEY, URL, has_login=True) == KeyAccess(KEY, URL)


def test_a_configured_provider_wins_over_all() -> None:
    config = {"model_provider": "p", "model_providers": {"p": {"env_key": "P_KEY"}}}
    assert choose(KEY, URL, config, has_login=True) == OwnAccess("P_KEY")


@pytest.mark.parametrize("providers", [None, {}, {"p": {}}, {"p": {"env_key": 1}}, {"p": 1}, []])
def test_a_provider_without_a_key_variable_has_none(providers: object) -> None:
    assert choose(config={"model_provider": "p", "model_providers": providers}) == OwnAccess()


@pytest.mark.parametrize("provider", [5, ["p"], {"p": 1}])
def test_a_provider_of_a_wrong_type_is_left_to_codex(provider: object) -> None:
    config = {"model_provider": provider, "model_providers": {"p": {}}}
    assert choose(config=config) == OwnAccess()


def test_the_built_in_provider_may_be_named() -> None:
    assert choose(KEY, config={"model_provider": "openai"}) == KeyAccess(KEY, OPENAI_BASE_URL)


@pytest.mark.parametrize("has_login", [True, False])
def test_nothing_to_authenticate_with_is_refused_with_all_remedies(*, has_login: bool) -> None:
    with pytest.raises(CredentialsError) as caught:
        choose(None, URL, has_login=has_login)
    for remedy in ("OPENAI_API_KEY", "codex login", "codexmcp rehearse"):
        assert remedy in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert KEY not in repr(KeyAccess(KEY, URL))


@given(url=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_the_provider_settings_are_toml_whatever_the_url(url: str) -> None:
    settings = tomllib.loads("\n".join([*retry_overrides(7), *provider_overrides(url)]))
    assert settings["model_provider"] == "codexmcp"
    assert settings["model_providers"]["codexmcp"] == {
        "name": "codexmcp",
        "base_url": url,
        "wire_api": "responses",
        "request_max_retries": 7,
        "stream_max_retries": STREAM_MAX_RETRIES,
    }
