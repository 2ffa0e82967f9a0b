"""Address and start of the supervisor for a client's credentials.

Imports nothing heavy, because `codexmcp mcp-server --shared` answers the client at once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.settings import Settings, child_environment
from codexmcp.supervisor.address import Address, address_of
from codexmcp.supervisor.start import Starter

IDLE_EXIT_S = 600
"""Time without clients and runs until the end of a supervisor started by a client, in seconds."""


def supervisor_address(
    settings: Settings,
    environ: Mapping[str, str],
    words: Sequence[str] = (),
    conversations: str = "",
) -> Address:
    """Return the address of the supervisor for some credentials and options of Codex.

    Args:
        settings: The settings.
        environ: The environment, without the keys in the settings.
        words: The options of Codex in the form for `codexmcp serve`.
        conversations: The place of conversations outside the Codex home; empty in the home.
    """
    home = settings.codex_home or Path.home() / ".codex"
    identity = [
        settings.api_key,
        settings.base_url,
        settings.codex_bin,
        *_provider_keys(home, environ),
        *words,
    ]
    return address_of(home, identity, environ, conversations)


def supervisor_starter(
    settings: Settings, environ: Mapping[str, str], words: Sequence[str] = ()
) -> Starter:
    """Return the command to start the supervisor; see `supervisor_address`."""
    argv = [sys.executable, "-P", "-m", "codexmcp", "serve", "--key-stdin"]
    argv += ["--idle-exit", str(IDLE_EXIT_S), *words]
    return Starter(argv, child_environment(environ), settings.api_key)


def _provider_keys(home: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the keys of model providers in the home's config.toml, read from the environment."""
    try:
        text = (home / "config.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    if "env_key" not in text:
        return []
    from codexmcp.codex.config import provider_key_variables  # noqa: PLC0415 - 10 ms

    return [environ.get(name, "") for name in provider_key_variables(text)]
