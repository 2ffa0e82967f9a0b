"""Decides how Codex reaches the model, and writes that down as settings for its command line.

Pure. Source: the built-in provider ignores `OPENAI_API_KEY` and `OPENAI_BASE_URL` (measured on
0.153.4, 0.163.0 and 0.169.0); a custom provider reaches any Responses-API endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codexmcp.errors import CredentialsError
from codexmcp.jsonvalues import dig, text_of

OPENAI_BASE_URL = "https://api.openai.com/v1"

PROVIDER = "codexmcp"
"""Name of the provider that stands for the key proxy, or for an endpoint that needs no key."""

_FIELDS = f"model_providers.{PROVIDER}"

STREAM_MAX_RETRIES = 2
"""How often Codex asks again after an answer broke off, which is 5 times by default.

Source: the key proxy does not pass on that its upstream broke an answer off, so Codex waits for its
own idle timeout, 300 s, each time; by default that makes half an hour (measured on 0.163.0).
Requests without an answer are counted apart: see `settings.DEFAULT_REQUEST_RETRIES`.
"""


@dataclass(frozen=True, slots=True)
class OwnAccess:
    """Codex reaches the model by its own login or configuration.

    Attributes:
        key_variable: The variable that the configured provider reads its key from, if it names one.
    """

    key_variable: str | None = None


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A key proxy adds the key, so that Codex never holds it.

    Attributes:
        key: The key, never shown in `repr`.
        base_url: The endpoint that the proxy forwards to, without a slash at the end.
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
    """Decide how Codex reaches the model.

    A provider chosen in config.toml wins, then a login (unless another endpoint is asked for),
    then the key.

    Args:
        key: The API key, if there is one.
        base_url: `OPENAI_BASE_URL`, if it is set.
        config: The Codex home's decoded config.toml.
        has_login: Whether somebody is logged in at the Codex home.

    Raises:
        CredentialsError: There is nothing to authenticate with.
    """
    provider = config.get("model_provider", "openai")
    if provider != "openai":
        return OwnAccess(_key_variable(config, provider))
    if has_login and not base_url:
        return OwnAccess()
    if key is None:
        raise CredentialsError(
            "there is no key for the model: set OPENAI_API_KEY (in the environment or in .env), or "
            "point CODEX_HOME at a home with a login (`uv run codexmcp codex login`), or try "
            "`main.py --rehearse`, which needs no key"
        )
    configured = config.get("openai_base_url")
    fallback = configured.rstrip("/") if isinstance(configured, str) else ""
    return KeyAccess(key, base_url or fallback or OPENAI_BASE_URL)


def provider_overrides(base_url: str) -> list[str]:
    """Return the settings that send Codex to an endpoint which needs no key.

    Args:
        base_url: The endpoint, such as `http://127.0.0.1:4000/v1`.
    """
    provider = {"name": PROVIDER, "base_url": base_url, "wire_api": "responses"}
    fields = [f"{_FIELDS}.{name}={_quoted(value)}" for name, value in provider.items()]
    return [f"model_provider={_quoted(PROVIDER)}", *fields]


def retry_overrides(request_retries: int) -> list[str]:
    """Return the settings that say how long Codex bears with that endpoint.

    They make no provider without those of `provider_overrides`, and what a user sets goes between.

    Args:
        request_retries: How often it sends a request again that nobody answered.
    """
    counts = {"request_max_retries": request_retries, "stream_max_retries": STREAM_MAX_RETRIES}
    return [f"{_FIELDS}.{name}={count}" for name, count in counts.items()]


def _quoted(text: str) -> str:
    # TOML's strings are JSON's, except that TOML knows no surrogate pairs.
    return json.dumps(text, ensure_ascii=False)


def _key_variable(config: Mapping[str, Any], provider: object) -> str | None:
    return text_of(dig(config, "model_providers", str(provider), "env_key"))
