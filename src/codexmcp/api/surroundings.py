"""The environment and the settings of a program that uses the API, with its arguments on top."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from codexmcp.codex.resolution import CodexChoices, Resolution, resolve
from codexmcp.data_classes import dataclass, field
from codexmcp.policy.extras import check_any_access
from codexmcp.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Access:
    """Access to Codex and the model; None leaves a field to the environment.

    Attributes:
        home: The Codex home.
        api_key: The key for the model, never shown in `repr`.
        base_url: The Responses-API endpoint of the key.
        endpoint: A Responses-API endpoint without a key.
        env: The environment of Codex and its commands.
    """

    home: str | Path | None = None
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    endpoint: str | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)

    def resolved(self) -> tuple[Resolution, dict[str, str]]:
        """Return what Codex needs, and the environment without keys.

        Raises:
            CredentialsError: There is nothing to authenticate with.
            ConfigurationError: The binary, the home or a setting cannot be used.
        """
        env, settings = self._settings()
        endpoint = self.endpoint and self.endpoint.rstrip("/")
        found = resolve(settings, env, CodexChoices(endpoint=endpoint))
        check_any_access(found)
        return found, env

    def _settings(self) -> tuple[dict[str, str], Settings]:
        # A copy, because the settings take the keys out of it.
        env = dict(os.environ if self.env is None else self.env)
        if self.home is not None:
            env.pop("CODEX_MCP_WRAPPER_CODEX_HOME", None)
            env["CODEX_HOME"] = os.fspath(self.home)
        if self.api_key is not None:
            env["OPENAI_API_KEY"] = self.api_key
        if self.base_url is not None:
            env["OPENAI_BASE_URL"] = self.base_url
        return env, load_settings(env)
