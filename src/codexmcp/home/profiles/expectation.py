"""The request expected from Codex with a profile, and the settings for a stand-in endpoint.

Pure. Source: measured on 0.153.4, 0.163.0 and 0.169.0. `-c` takes inline tables and applies them on
top of the files; Codex's built-in providers cannot be set that way and have a setting or variable
instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from codexmcp.data_classes import dataclass, field
from codexmcp.home.toml import inline
from codexmcp.jsonvalues import list_of, object_of, text_of

CANARY = "codexmcp-stand-in-"
"""The prefix of the fake keys in a check."""

_LOGIN_VARIABLE = "CODEX_API_KEY"
_OPENAI = "openai"
_OPENAI_URL = "https://api.openai.com/v1"
_LOCAL = {"ollama": "http://localhost:11434/v1", "lmstudio": "http://localhost:1234/v1"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """The request expected from Codex with a profile.

    Attributes:
        provider: The provider's id.
        model: The model; None leaves the choice to Codex.
        base_url: The endpoint; None for an endpoint without a possible stand-in.
        key_variable: The variable of the key; None for a provider without a key.
        headers: Literal headers, by lower-case name.
        variable_headers: Variables of header values, by lower-case name.
        query: Parameters of the URL.
        uses_login: Codex's login authenticates.
        literal_keys: Settings with a key in plain text, which should be in a variable.
    """

    provider: str
    model: str | None
    base_url: str | None
    key_variable: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    variable_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    uses_login: bool = False
    literal_keys: tuple[str, ...] = ()

    @property
    def variables(self) -> list[str]:
        """The sorted names of all environment variables in use."""
        key = [] if self.key_variable is None else [self.key_variable]
        return sorted({*key, *self.variable_headers.values()})


def expectation(settings: Mapping[str, Any]) -> Expectation:
    """Return the request expected from Codex.

    Args:
        settings: config.toml with the profile on top.
    """
    name = text_of(settings.get("model_provider")) or _OPENAI
    model = text_of(settings.get("model"))
    provider = object_of(object_of(settings.get("model_providers")).get(name))
    if name == _OPENAI:
        url = text_of(settings.get("openai_base_url")) or _OPENAI_URL
        return Expectation(name, model, url, uses_login=True)
    if name in _LOCAL:
        return Expectation(name, model, _LOCAL[name])
    named = f"model_providers.{name}."
    return Expectation(
        provider=name,
        model=model,
        base_url=text_of(provider.get("base_url")),
        key_variable=text_of(provider.get("env_key")),
        headers=_texts(provider.get("http_headers")),
        variable_headers=_texts(provider.get("env_http_headers")),
        query={key: str(value) for key, value in object_of(provider.get("query_params")).items()},
        uses_login=provider.get("requires_openai_auth") is True or "auth" in provider,
        literal_keys=tuple(f"{named}{key}" for key in _LITERAL if provider.get(key)),
    )


_LITERAL = ("experimental_bearer_token",)


def stand_in_url(expected: Expectation, origin: str) -> str:
    """Return the endpoint with another origin; the path stays visible in the request.

    Args:
        expected: An expectation with an endpoint.
        origin: For example `http://127.0.0.1:4000`.
    """
    return origin + urlsplit(expected.base_url or "").path.rstrip("/")


def stand_in_settings(settings: Mapping[str, Any], expected: Expectation, origin: str) -> list[str]:
    """Return the `-c` settings that redirect Codex to a stand-in and start nothing else.

    Args:
        settings: config.toml with the profile on top.
        expected: The expected request.
        origin: The stand-in's origin, such as `http://127.0.0.1:4000`.
    """
    url = stand_in_url(expected, origin)
    if expected.provider == _OPENAI:
        return [f"openai_base_url={inline(url)}", *quiet_settings(settings)]
    if expected.provider in _LOCAL:
        return quiet_settings(settings)
    provider = {"base_url": url, "request_max_retries": 0, "stream_max_retries": 0}
    return [f"model_providers={inline({expected.provider: provider})}", *quiet_settings(settings)]


def quiet_settings(settings: Mapping[str, Any]) -> list[str]:
    """Return the `-c` settings that disable MCP servers and notifiers.

    They also bound Codex's wait for an unreachable endpoint. Source: this wait is endless by
    default, regardless of the retry settings (0.153.4 and 0.163.0).
    """
    servers = {name: {"enabled": False} for name in object_of(settings.get("mcp_servers"))}
    quiet = ["features.unbounded_connection_retries=false"]
    quiet += ["notify=[]"] if list_of(settings.get("notify")) else []
    return [*quiet, f"mcp_servers={inline(servers)}"] if servers else quiet


def stand_in_variables(expected: Expectation, origin: str) -> dict[str, str]:
    """Return the variables of a check: a canary per key, and a local provider's address."""
    variables = {name: f"{CANARY}{name}" for name in expected.variables}
    if expected.uses_login:
        variables[_LOGIN_VARIABLE] = f"{CANARY}{_LOGIN_VARIABLE}"
    if expected.provider in _LOCAL:
        variables["CODEX_OSS_BASE_URL"] = stand_in_url(expected, origin)
    return variables


def _texts(value: object) -> dict[str, str]:
    return {name.lower(): str(text) for name, text in object_of(value).items()}
