"""What the environment says about runs, and what of it their commands may see.

Pure: the environment is a value, because a supervisor works with those of its callers.

Source: the variables `CODEX_MCP_WRAPPER_*`, their meanings and their defaults are those of Codex
MCP Sidecar, so that its users can move over; only the default permissions are narrower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.secret_like import holds_password, names_secret

PREFIX = "CODEX_MCP_WRAPPER_"
ALLOWED_VARIABLE = "CODEXMCP_RUN_ENV"
"""Names further variables that commands may see, separated by commas."""

DEFAULT_PERMISSIONS = "workspace-write"
DEFAULT_TIMEOUT_S = 30 * 60.0
DEFAULT_SOFT_TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What holds for the runs of one caller.

    Attributes:
        run_dir: Where audit files go; None means the run's own folder.
        pointer_dir: The folder of the store and the index of all projects; None means the home's.
        timeout_s: Bound on a run, in seconds; None means none.
        soft_timeout_s: How long a wait lasts, in seconds; None means until the end.
        permissions: What a run may do unless it says otherwise.
        is_private: Whether runs belong to the MCP server's process instead of a supervisor.
    """

    run_dir: Path | None = None
    pointer_dir: Path | None = None
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    soft_timeout_s: float | None = DEFAULT_SOFT_TIMEOUT_S
    permissions: str = DEFAULT_PERMISSIONS
    is_private: bool = False


def read_run_settings(env: Mapping[str, str]) -> RunSettings:
    """Return the settings that an environment holds. An empty variable counts as missing.

    Raises:
        ConfigurationError: A value cannot be used.
    """
    return RunSettings(
        run_dir=_path(env.get(f"{PREFIX}RUN_DIR")),
        pointer_dir=_path(env.get(f"{PREFIX}POINTER_DIR")),
        timeout_s=_seconds(env, "TIMEOUT_MS", DEFAULT_TIMEOUT_S),
        soft_timeout_s=_seconds(env, "WAIT_SOFT_TIMEOUT_MS", DEFAULT_SOFT_TIMEOUT_S),
        permissions=env.get(f"{PREFIX}DEFAULT_PERMISSIONS") or DEFAULT_PERMISSIONS,
        is_private=_mode(env.get(f"{PREFIX}APP_SERVER_MODE")) == "private",
    )


def command_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what the commands of a run see of its caller's environment.

    Only names on a list pass, and no value that carries a password. PATH and HOME are there in any
    case: without them a shell reads other people's files.
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
"""By which programs find their way to the network."""

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
    # A proxy may be named without a scheme.
    is_proxy = name.lower().endswith("_proxy")
    return holds_password(value) or (is_proxy and "@" in value)


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser().absolute() if value else None


def _seconds(env: Mapping[str, str], name: str, default: float) -> float | None:
    value = env.get(PREFIX + name)
    if not value:
        return default
    if not value.isdecimal():
        raise ConfigurationError(
            f"{PREFIX}{name} is {value!r}; it must be a number of milliseconds, 0 for no bound"
        )
    return int(value) / 1000 or None


def _mode(value: str | None) -> str:
    mode = value or "shared"
    if mode not in {"shared", "private"}:
        raise ConfigurationError(
            f"{PREFIX}APP_SERVER_MODE is {mode!r}; it must be shared or private"
        )
    return mode
