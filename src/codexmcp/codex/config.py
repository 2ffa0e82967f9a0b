"""Reader of a Codex home's `config.toml` and `auth.json`, with clear errors.

Source: Codex only logs "Invalid configuration; using defaults" and continues, so a broken file must
be detected here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.env_file import dotenv_names
from codexmcp.errors import ConfigurationError
from codexmcp.jsonvalues import is_object, object_of, text_of


@dataclass(frozen=True, slots=True)
class CodexHome:
    """A Codex home on disk.

    Attributes:
        path: The folder.
        config: The decoded `config.toml`; empty without a file.
        has_login: The home has a login.
        login_key: The API key of an API-key login. None: a ChatGPT login, or no login.
        dotenv_names: The variables in the home's `.env`, read by Codex itself.
    """

    path: Path
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    has_login: bool = False
    login_key: str | None = field(default=None, repr=False)
    dotenv_names: frozenset[str] = frozenset()

    @property
    def auth_file(self) -> Path:
        """Codex's login file."""
        return self.path / "auth.json"


def default_home() -> Path:
    """Return Codex's default home, for an unset `CODEX_HOME`."""
    return Path.home() / ".codex"


def provider_key_variables(config: str) -> list[str]:
    """Return the names of the providers' key variables.

    Args:
        config: The text of a config.toml; a broken text has no variables.
    """
    try:
        providers = object_of(tomllib.loads(config).get("model_providers"))
    except tomllib.TOMLDecodeError:
        return []
    names = {text_of(object_of(provider).get("env_key")) for provider in providers.values()}
    return sorted(name for name in names if name)


def read_home(path: Path) -> CodexHome:
    """Read a Codex home; a missing or empty folder is an empty home.

    Raises:
        ConfigurationError: The folder or a file cannot be read, or a file is broken.
    """
    try:
        is_folder = path.is_dir() or not path.exists()
    except OSError as error:
        raise ConfigurationError(f"cannot read CODEX_HOME {path}: {error.strerror}") from None
    if not is_folder:
        raise ConfigurationError(
            f"CODEX_HOME {path} is not a folder; name another or move the file"
        )
    login = _read_login(path / "auth.json")
    key = login.get("OPENAI_API_KEY")
    return CodexHome(
        path=path,
        config=_read_config(path / "config.toml"),
        has_login=bool(key or login.get("tokens")),
        login_key=key if isinstance(key, str) and key else None,
        dotenv_names=dotenv_names(path / ".env"),
    )


def _read_config(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The message ends in "(at line 3, column 7)".
        raise ConfigurationError(f"{path}: {error}; correct that line") from None


def _read_login(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    try:
        login = json.loads(text or "{}")
    except ValueError:
        login = None
    if not is_object(login):
        raise ConfigurationError(f"{path} is broken; delete it and run `codex login` again")
    return login


def _read_text(path: Path) -> str:
    try:
        # Codex, too, skips the byte order mark of Windows editors (seen on 0.163.0).
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; correct or remove it") from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
