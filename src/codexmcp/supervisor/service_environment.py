"""The environment of an installed service, with all values for a socket known to clients.

Pure. The socket of a service depends on the key, the endpoint, the binary, the home and the folder
for sockets (`address`). The service therefore gets the values of the installing shell, without
secrets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from codexmcp.env_file import ENV_FILE_VARIABLE
from codexmcp.run_settings import PREFIX, command_environment
from codexmcp.secret_like import holds_password, names_secret
from codexmcp.settings import (
    AGENTOS_TOKEN_VARIABLE,
    KEY_FILE_VARIABLE,
    KEY_PROXY_VARIABLE,
    KEY_VARIABLES,
    MODEL_VARIABLE,
    REQUEST_RETRIES_VARIABLE,
    SANDBOX_VARIABLE,
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
"""Variables in the address of the supervisor, beside secrets and `CODEX_HOME`."""

_SETTINGS = (
    "AGENTOS_EXTENSION_DIR",
    "AGENTOS_FS_ROOTS",
    "AGENTOS_PORTFOLIO",
    "CODEX_CA_CERTIFICATE",
    ENV_FILE_VARIABLE,
    MODEL_VARIABLE,
    SANDBOX_VARIABLE,
    "CODEXMCP_RUN_ENV",
    KEY_PROXY_VARIABLE,
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
    """Return the environment of a service, and the names of variables to unset.

    Args:
        env: The environment of the installing shell.
        home: The Codex home.
        runtime: The user's folder for sockets; None without such a folder.
        key_file: The file in `OPENAI_API_KEY_FILE`; None without a lasting file.
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
        # Unused with a runtime folder, and the TMPDIR of a shell may not last.
        given.pop("TMPDIR", None)
        agent = env.get("SSH_AUTH_SOCK", "")
        # For git. A socket of ssh-agent in /tmp does not last.
        if Path(agent).is_relative_to(runtime):
            given["SSH_AUTH_SOCK"] = agent
    else:
        given.pop(_RUNTIME, None)
    if key_file is not None:
        given[KEY_FILE_VARIABLE] = str(key_file)
    unset = [name for name in _ADDRESS if name not in given and name != "TMPDIR"]
    return given, unset


def secrets_of(env: Mapping[str, str], provider_keys: Iterable[str]) -> list[str]:
    """Return the names of further secrets for the service.

    Args:
        env: The environment of the installing shell.
        provider_keys: Variables with keys of the model providers in the home.
    """
    names = (*KEY_VARIABLES, AGENTOS_TOKEN_VARIABLE, *provider_keys)
    return sorted({name for name in names if env.get(name)})


def names_in(text: str) -> set[str]:
    """Return the names in a file of `NAME=value` lines."""
    lines = (line.strip().removeprefix("export ").strip() for line in text.splitlines())
    return {line.partition("=")[0].strip() for line in lines if "=" in line and line[0] != "#"}


def lasting_path(path: str) -> str:
    """Return a PATH without relative folders, duplicates, and folders of a single shell."""
    kept: dict[str, None] = {}
    for part in path.split(os.pathsep):
        if part.startswith("/"):
            # fnm makes a link for each shell and removes the link later.
            kept[os.path.realpath(part) if _SHORT_LIVED in part else part] = None
    return os.pathsep.join(kept)
