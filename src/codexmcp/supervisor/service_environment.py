"""What of the environment an installed service is given, so that clients find it.

Pure. A service's socket depends on the key, the endpoint, the binary, the home and the folder for
sockets (`address`). So it is given what the shell has that installs it, but for secrets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from codexmcp.run_settings import PREFIX, command_environment
from codexmcp.secret_like import holds_password, names_secret
from codexmcp.settings import (
    AGENTOS_TOKEN_VARIABLE,
    KEY_FILE_VARIABLE,
    KEY_VARIABLES,
    REQUEST_RETRIES_VARIABLE,
)

_RUNTIME = "XDG_RUNTIME_DIR"
_ADDRESS = (
    f"{PREFIX}CODEX_HOME",
    "CODEX_BIN",
    "CODEX_PATH",
    "OPENAI_BASE_URL",
    "TMPDIR",
    _RUNTIME,
)
"""What decides where the supervisor listens, beside secrets and `CODEX_HOME`."""

_SETTINGS = (
    "AGENTOS_EXTENSION_DIR",
    "AGENTOS_FS_ROOTS",
    "AGENTOS_PORTFOLIO",
    "CODEX_SANDBOX_MODE",
    "CODEXMCP_RUN_ENV",
    REQUEST_RETRIES_VARIABLE,
)
_SURROUNDINGS = (
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HOME",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "NVM_DIR",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VOLTA_HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_SHORT_LIVED = "fnm_multishells"


def service_environment(
    env: Mapping[str, str], home: Path, *, runtime: Path | None, key_file: Path | None
) -> tuple[dict[str, str], list[str]]:
    """Return what a service's environment has, and what it must not have.

    Args:
        env: The environment of the shell that installs it.
        home: The Codex home.
        runtime: The user's folder for sockets; None without one.
        key_file: The file that `OPENAI_API_KEY_FILE` names; None without one that lasts.
    """
    passed = command_environment(env)
    given = {name: passed[name] for name in _SURROUNDINGS if passed.get(name)}
    named = [name for name in env if name.startswith(PREFIX)]
    for name in sorted({*_ADDRESS, *_SETTINGS, *named}):
        value = env.get(name)
        if value and not names_secret(name) and not holds_password(value):
            given[name] = value
    given["PATH"] = lasting_path(passed["PATH"])
    given["CODEX_HOME"] = str(home)
    if runtime is not None:
        given[_RUNTIME] = str(runtime)
        # Not looked at then, and a shell's own may not last.
        given.pop("TMPDIR", None)
        agent = env.get("SSH_AUTH_SOCK", "")
        # For git. One that ssh-agent makes in /tmp does not last.
        if Path(agent).is_relative_to(runtime):
            given["SSH_AUTH_SOCK"] = agent
    else:
        given.pop(_RUNTIME, None)
    if key_file is not None:
        given[KEY_FILE_VARIABLE] = str(key_file)
    unset = [name for name in _ADDRESS if name not in given and name != "TMPDIR"]
    return given, unset


def secrets_of(env: Mapping[str, str], provider_keys: Iterable[str]) -> list[str]:
    """Return the names of secrets that the service needs as well.

    Args:
        env: The environment of the shell that installs it.
        provider_keys: Variables that model providers of the home read their keys from.
    """
    names = (*KEY_VARIABLES, AGENTOS_TOKEN_VARIABLE, *provider_keys)
    return sorted({name for name in names if env.get(name)})


def names_in(text: str) -> set[str]:
    """Return the names that a file of `NAME=value` lines has."""
    lines = (line.strip().removeprefix("export ").strip() for line in text.splitlines())
    return {line.partition("=")[0].strip() for line in lines if "=" in line and line[0] != "#"}


def lasting_path(path: str) -> str:
    """Return a PATH without relative folders, doubles, and those of one shell alone."""
    kept: dict[str, None] = {}
    for part in path.split(os.pathsep):
        if part.startswith("/"):
            # fnm gives each shell a link of its own, which is removed later.
            kept[os.path.realpath(part) if _SHORT_LIVED in part else part] = None
    return os.pathsep.join(kept)
