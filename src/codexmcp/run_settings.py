"""Run settings from the environment, and the part of the environment visible to commands.

Pure: the environment is a parameter, because a supervisor works with the environments of its
clients.

Source: the variables `CODEX_MCP_WRAPPER_*`, their meanings and defaults come from Codex MCP
Sidecar, to ease migration; only the default permissions are narrower.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.secret_like import WITHHELD_VARIABLE, holds_password, names_secret
from codexmcp.settings import (
    DEFAULT_SANDBOX_MODE,
    MODEL_VARIABLE,
    SANDBOX_VARIABLE,
    sandbox_mode,
)

PREFIX = "CODEX_MCP_WRAPPER_"
ALLOWED_VARIABLE = "CODEXMCP_RUN_ENV"
"""Names of further variables visible to commands, separated by commas."""

DEFAULT_TIMEOUT_S = 30 * 60.0
DEFAULT_SOFT_TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings for the runs of a caller.

    Attributes:
        run_dir: Folder of audit files. None: the run's own folder.
        pointer_dir: Folder of the store and of the index over all projects. None: the Codex home's.
        timeout_s: Bound on a run, in seconds. None: unbounded.
        soft_timeout_s: Bound on a wait, in seconds. None: wait until the end.
        permissions: Default sandbox mode.
        model: Default model for runs without a model and a profile. None: Codex's default.
        withheld: Files denied to sandboxed commands, in addition to the supervisor's.
        is_private: Runs belong to the MCP server's process instead of a supervisor.
    """

    run_dir: Path | None = None
    pointer_dir: Path | None = None
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    soft_timeout_s: float | None = DEFAULT_SOFT_TIMEOUT_S
    permissions: str = DEFAULT_SANDBOX_MODE
    model: str | None = None
    withheld: tuple[Path, ...] = ()
    is_private: bool = False


def read_run_settings(env: Mapping[str, str]) -> RunSettings:
    """Return the run settings in an environment. An empty variable counts as missing.

    Raises:
        ConfigurationError: A value is invalid.
    """
    return RunSettings(
        run_dir=_path(env.get(f"{PREFIX}RUN_DIR")),
        pointer_dir=_path(env.get(f"{PREFIX}POINTER_DIR")),
        timeout_s=_seconds(env, "TIMEOUT_MS", DEFAULT_TIMEOUT_S),
        soft_timeout_s=_seconds(env, "WAIT_SOFT_TIMEOUT_MS", DEFAULT_SOFT_TIMEOUT_S),
        permissions=env.get(f"{PREFIX}DEFAULT_PERMISSIONS")
        or sandbox_mode(env)
        or DEFAULT_SANDBOX_MODE,
        model=env.get(MODEL_VARIABLE) or None,
        withheld=_paths(env.get(WITHHELD_VARIABLE)),
        is_private=_mode(env.get(f"{PREFIX}APP_SERVER_MODE")) == "private",
    )


_TOLD = frozenset({ALLOWED_VARIABLE, MODEL_VARIABLE, SANDBOX_VARIABLE, WITHHELD_VARIABLE})


def client_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the part of a client's environment sent to the supervisor, without secrets."""
    settings = {
        name: value for name, value in env.items() if name.startswith(PREFIX) or name in _TOLD
    }
    return {**command_environment(env), **settings}


def command_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the part of a caller's environment visible to the commands of a run.

    Only listed names pass, and no value with a password. PATH and HOME are always set: without
    them, a shell reads other users' files.
    """
    further = {name.strip() for name in env.get(ALLOWED_VARIABLE, "").split(",")}
    passed = {
        name: value
        for name, value in env.items()
        if (name in _ALLOWED or name.startswith("LC_") or name in further)
        and not names_secret(name)
        and not _holds_password(name, value)
    }
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), **passed}


NETWORK_VARIABLES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
)
"""Variables for proxies and certificates, as read by common programs."""

_ALLOWED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "PYENV_ROOT",
        "PYTHONPATH",
        "UV_CACHE_DIR",
        "NVM_DIR",
        "NVM_BIN",
        "NODE_PATH",
        "VOLTA_HOME",
        "FNM_DIR",
        "PNPM_HOME",
        "BUN_INSTALL",
        "GOPATH",
        "GOROOT",
        "GOBIN",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "JAVA_HOME",
        "MAVEN_HOME",
        "GRADLE_USER_HOME",
        "ANDROID_HOME",
        "DOTNET_ROOT",
        "GEM_HOME",
        "RBENV_ROOT",
        "ASDF_DIR",
        "MISE_DATA_DIR",
        "LD_LIBRARY_PATH",
        "PKG_CONFIG_PATH",
        "CC",
        "CXX",
        "CMAKE_PREFIX_PATH",
        *NETWORK_VARIABLES,
        "CI",
    ]
)


def _holds_password(name: str, value: str) -> bool:
    # A proxy may have no scheme.
    is_proxy = name.lower().endswith("_proxy")
    return holds_password(value) or (is_proxy and "@" in value)


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def _paths(value: str | None) -> tuple[Path, ...]:
    named = (part for part in (value or "").split(os.pathsep) if part)
    return tuple(Path(part).expanduser().absolute() for part in named)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float | None:
    value = env.get(PREFIX + name)
    if not value:
        return default
    if not value.isdecimal():
        raise ConfigurationError(
            f"invalid {PREFIX}{name} {value!r}: set a number of milliseconds, 0 for no limit"
        )
    return int(value) / 1000 or None


def _mode(value: str | None) -> str:
    mode = value or "shared"
    if mode not in {"shared", "private"}:
        raise ConfigurationError(f"invalid {PREFIX}APP_SERVER_MODE {mode!r}: set shared or private")
    return mode
