"""Decision on Codex's access to the model, and the resulting command-line settings.

Pure. Source: the built-in provider ignores `OPENAI_API_KEY` and `OPENAI_BASE_URL` (measured on
0.153.4, 0.163.0 and 0.169.0); a custom provider reaches any Responses-API endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CredentialsError
from codexmcp.installation import IS_CHECKOUT, command
from codexmcp.jsonvalues import dig, text_of

OPENAI_BASE_URL = "https://api.openai.com/v1"

PROVIDER = "codexmcp"
"""Provider name for the key proxy, or for an endpoint without a key."""

_FIELDS = f"model_providers.{PROVIDER}"

STREAM_MAX_RETRIES = 2
"""Codex's retries after an interrupted answer; Codex's default is 5.

Source: with an endpoint that is silent within an answer, Codex waits for its idle timeout, 300 s,
on each try: half an hour by default (measured on 0.163.0). Requests without an answer are counted
separately: see `settings.DEFAULT_REQUEST_RETRIES`."""


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """Access by Codex's own login or configuration.

    Attributes:
        key_variable: The configured provider's key variable, if any.
    """

    key_variable: str | None = None


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """Access through a key proxy that adds the key, so Codex never has the key.

    Attributes:
        key: The key, hidden in `repr`.
        base_url: The endpoint behind the proxy, without a trailing slash.
    """

    key: str = field(repr=False)
    base_url: str


Access = OwnAccess | KeyAccess


def choose_access(
    *,
    key: str | None,
    base_url: str | None,
    config: Mapping[str, Any],
    has_login: bool,
) -> Access:
    """Choose Codex's access to the model.

    Order: a provider in config.toml, then a login (unless another endpoint is configured), then the
    key.

    Args:
        key: The API key, if any.
        base_url: `OPENAI_BASE_URL`, if set.
        config: The Codex home's decoded config.toml.
        has_login: The Codex home has a login.

    Raises:
        CredentialsError: No usable credentials.
    """
    provider = config.get("model_provider", "openai")
    if provider != "openai":
        return OwnAccess(_key_variable(config, provider))
    if has_login and not base_url:
        return OwnAccess()
    if key is None:
        raise CredentialsError(
            f"there is no key for the model: set OPENAI_API_KEY (in the environment"
            f"{' or in .env' if IS_CHECKOUT else ''}), or point CODEX_HOME at a home with a login "
            f"(`{command('codex login')}`), or try `{command('rehearse')}`, which needs no key"
        )
    configured = config.get("openai_base_url")
    fallback = configured.rstrip("/") if isinstance(configured, str) else ""
    return KeyAccess(key, base_url or fallback or OPENAI_BASE_URL)


def provider_overrides(base_url: str) -> list[str]:
    """Return the settings for an endpoint without a key.

    Args:
        base_url: The endpoint, for example `http://127.0.0.1:4000/v1`.
    """
    provider = {"name": PROVIDER, "base_url": base_url, "wire_api": "responses"}
    fields = [f"{_FIELDS}.{name}={_quoted(value)}" for name, value in provider.items()]
    return [f"model_provider={_quoted(PROVIDER)}", *fields]


def retry_overrides(request_retries: int) -> list[str]:
    """Return the settings for Codex's retries at that endpoint.

    Without `provider_overrides`, these settings define no provider. User settings go between the
    two.

    Args:
        request_retries: Codex's retries of an unanswered request.
    """
    counts = {"request_max_retries": request_retries, "stream_max_retries": STREAM_MAX_RETRIES}
    return [f"{_FIELDS}.{name}={count}" for name, count in counts.items()]


def _quoted(text: str) -> str:
    # TOML strings are JSON strings, except for surrogate pairs, which TOML lacks.
    return json.dumps(text, ensure_ascii=False)


def _key_variable(config: Mapping[str, Any], provider: object) -> str | None:
    return text_of(dig(config, "model_providers", str(provider), "env_key"))
