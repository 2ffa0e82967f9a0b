"""Resolution of binary, home and credentials for running Codex.

Used by every entry point and by `codexmcp doctor`, so faults are found before anything starts, and
reported identically. Must not start anything.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.codex.access import Access, OwnAccess, choose_access
from codexmcp.codex.binary import find_codex
from codexmcp.codex.config import CodexHome, default_home, read_home
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import ConfigurationError, CredentialsError
from codexmcp.jsonvalues import dig, is_object, object_of, text_of
from codexmcp.settings import KEY_VARIABLES, Settings, child_environment

_HIDDEN_STORES = frozenset({"auto", "keyring"})
"""Values of `cli_auth_credentials_store` for logins in a store that cannot be inspected."""


@dataclass(frozen=True, slots=True)
class CodexChoices:
    """A program's own choices about Codex, in addition to the environment.

    Attributes:
        home: The Codex home, if the settings have none. None: Codex's default.
        overrides: Settings in the form of `-c`.
        profile: The settings of the chosen profile.
        endpoint: An endpoint without a key, in place of any other access. None: no endpoint.
    """

    home: Path | None = None
    overrides: Sequence[str] = ()
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolved but not started Codex.

    Attributes:
        settings: The settings.
        choices: The program's choices.
        codex: The Codex binary.
        home: The Codex home, as read.
        env: The environment for Codex, with the key of a provider with `env_key`.
        access: Access to the model; `OwnAccess` if credentials are missing.
    """

    settings: Settings
    choices: CodexChoices
    codex: Path
    home: CodexHome
    env: Mapping[str, str] = field(repr=False)
    access: Access = field(repr=False)

    @property
    def config(self) -> dict[str, Any]:
        """The home's configuration, updated with the program's choices."""
        config = with_settings(with_settings({}, self.home.config), self.choices.profile)
        return with_settings(config, _parsed(self.choices.overrides))

    def check_access(self, task: Mapping[str, Any] | None = None) -> None:
        """Refuse a task without usable credentials, or without room in the Codex home.

        A login made meanwhile counts.

        Args:
            task: Settings of the task alone, for example of a profile; names may be dotted.

        Raises:
            CredentialsError: No usable credentials.
            ConfigurationError: The home has become unreadable or full.
        """
        _check_room(self.home.path)
        given = with_settings({}, task or {})
        if self.choices.endpoint is not None and "model_provider" not in given:
            return
        now = replace(self, home=read_home(self.home.path))
        now.chosen(given)

    def chosen(self, task: Mapping[str, Any] | None = None) -> Access:
        """Return Codex's access to the model, from the home as read; see `check_access`."""
        config = with_settings(self.config, task or {})
        key = self.settings.api_key or self.home.login_key
        store = config.get("cli_auth_credentials_store")
        way = choose_access(
            key=key,
            base_url=self.settings.base_url,
            config=config,
            has_login=self.home.has_login or (key is None and store in _HIDDEN_STORES),
        )
        if isinstance(way, OwnAccess):
            self._check_provider(config)
        return way

    def _check_provider(self, config: Mapping[str, Any]) -> None:
        """Refuse a configured provider without credentials.

        Source: each turn fails if the variable named by `env_key` is unset; Codex loads `.env` of
        its home into its environment, except variables `CODEX_*`; a provider with
        `requires_openai_auth` uses the login (measured on 0.163.0).
        """
        provider = text_of(config.get("model_provider"))
        table = object_of(dig(config, "model_providers", provider or ""))
        variable = text_of(table.get("env_key"))
        if variable is not None and not self._is_set(variable):
            raise CredentialsError(
                f"the provider {provider} reads its key from {variable}, which is not set: export "
                f"it, or choose another model_provider in {self.home.path / 'config.toml'}"
            )
        needs_login = variable is None and table.get("requires_openai_auth") is True
        has_own = bool(table.get("experimental_bearer_token") or table.get("auth"))
        if needs_login and not has_own and not self.home.has_login:
            if config.get("cli_auth_credentials_store") in _HIDDEN_STORES:
                return
            raise CredentialsError(
                f"the provider {provider} requires a Codex login, and {self.home.path} has none: "
                "log in there (`codexmcp codex login`), or choose another model_provider"
            )

    def _is_set(self, variable: str) -> bool:
        if self.env.get(variable) or (variable in KEY_VARIABLES and self.settings.api_key):
            return True
        return variable in self.home.dotenv_names and not variable.startswith("CODEX_")


def resolve(
    settings: Settings,
    environ: Mapping[str, str],
    choices: CodexChoices | None = None,
    *,
    codex: Path | None = None,
) -> Resolution:
    """Resolve a Codex for a program. A missing Codex home is created.

    Missing credentials are no error here; see `Resolution.check_access`.

    Args:
        settings: The settings.
        environ: The environment, without the keys in the settings.
        choices: The program's own choices.
        codex: The binary, if already known.

    Raises:
        ConfigurationError: The binary or the home is unusable.
    """
    choices = choices or CodexChoices()
    codex = codex or find_codex(settings.codex_bin)
    home = read_home(_made(settings.codex_home or choices.home or default_home()))
    _check_room(home.path)
    env = child_environment(environ)
    if settings.codex_home is not None or choices.home is not None:
        env["CODEX_HOME"] = str(home.path)
    found = Resolution(settings, choices, codex, home, env, OwnAccess())
    if choices.endpoint is not None:
        return found
    try:
        way = found.chosen()
    except CredentialsError:
        return found
    if isinstance(way, OwnAccess) and way.key_variable in KEY_VARIABLES:
        env.update({way.key_variable: settings.api_key} if settings.api_key else {})
    return replace(found, access=way)


def _check_room(home: Path) -> None:
    """Check for free space in a home.

    Source: on a full disk, Codex works but stores nothing (0.163.0).

    Raises:
        ConfigurationError: No free space.
    """
    probe = home / f".codexmcp-room-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(_ROOM_BYTES))
    except OSError as error:
        # Other write errors may not matter to Codex.
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ConfigurationError(
                f"no space for a run in the Codex home {home}: {error.strerror}; free some space, "
                "or set CODEX_HOME to another folder"
            ) from None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


_ROOM_BYTES = 64 * 1024
"""Less than the output of a turn, and enough to detect a full disk."""


def with_settings(config: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration updated with settings, whose names may be dotted as after `-c`."""
    merged = copy.deepcopy(dict(config))
    for name, value in settings.items():
        *tables, last = name.split(".")
        table = merged
        for each in tables:
            inner = table.get(each)
            table[each] = inner if is_object(inner) else {}
            table = table[each]
        if is_object(value) and is_object(table.get(last)):
            table[last] = with_settings(table[last], value)
            continue
        table[last] = value
    return merged


def _parsed(overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings in the form of `-c`. Source: an invalid TOML value is a string."""
    parsed: dict[str, Any] = {}
    for setting in overrides:
        name, _, text = setting.partition("=")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text.strip().strip("\"'")
        parsed[name.strip()] = value
    return parsed


def _made(home: Path) -> Path:
    """Return the home, created if missing.

    Source: Codex creates its default home, and refuses to start with a missing `CODEX_HOME`
    (0.163.0).
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(
            f"cannot create the Codex home {home}: {error.strerror}; set CODEX_HOME to another "
            "folder"
        ) from None
    return home
