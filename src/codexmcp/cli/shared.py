"""How clients find the supervisor that has their Codex home and credentials.

Imports nothing heavy: `codexmcp mcp-server --shared` is answered by the time it is through here.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import codexmcp
from codexmcp.cli.container_place import (
    container_words,
    conversations_name,
    image_of,
    workspace_of,
)
from codexmcp.errors import ConfigurationError
from codexmcp.settings import Settings, child_environment, load_settings
from codexmcp.supervisor.address import Address, address_of
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.relay import relay
from codexmcp.supervisor.start import Starter, Way

IDLE_EXIT_S = 600
"""How long a supervisor that was started on demand stays without clients and runs, in seconds."""


def run(arguments: argparse.Namespace) -> None:
    """Relay a client to its supervisor, which is started first if need be.

    Raises:
        ConfigurationError: There is none and none can be started.
    """
    # Nothing here has to be tidied up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    relay(_connector(arguments, arguments.words, start=True))


def open_connection(
    arguments: argparse.Namespace, words: Sequence[str], *, start: bool
) -> socket.socket:
    """Return a connection to the supervisor, introduced.

    Args:
        arguments: The arguments of a command that knows the options of Codex.
        words: What the client is served by: arguments of `codexmcp mcp-server`.
        start: Whether to start it when there is none.

    Raises:
        ConfigurationError: There is none, or it cannot be started or used.
    """
    return _connector(arguments, words, start=start)()


def _connector(
    arguments: argparse.Namespace, words: Sequence[str], *, start: bool
) -> Callable[[], socket.socket]:
    """Return what connects, any number of times: the key may come from a pipe, and is read here."""
    environ = dict(os.environ)
    settings = load_settings(environ)
    address = address_for(arguments, settings, environ)
    hello = Hello(words, _cwd(), _told(environ), codexmcp.__version__)
    starter = _starter(arguments, settings, environ) if start else None
    return Way(address, hello, starter).connect


def address_for(
    arguments: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
) -> Address:
    """Return where the supervisor for these credentials and options of Codex listens."""
    home = settings.codex_home or Path.home() / ".codex"
    identity = [
        settings.api_key,
        settings.base_url,
        settings.codex_bin,
        *_provider_keys(home, environ),
        *codex_words(arguments),
    ]
    conversations = conversations_name(workspace_of(arguments)) if image_of(arguments) else ""
    return address_of(home, identity, environ, conversations)


def codex_words(arguments: argparse.Namespace) -> list[str]:
    """Return the options of Codex as words of a command line."""
    return [
        *(word for setting in arguments.config for word in ("--config", setting)),
        *(word for name in arguments.enable for word in ("--enable", name)),
        *(word for name in arguments.disable for word in ("--disable", name)),
        *(["--strict-config"] if arguments.strict_config else []),
        *(["--model-endpoint", arguments.model_endpoint] if arguments.model_endpoint else []),
        *container_words(arguments),
    ]


def _starter(
    arguments: argparse.Namespace, settings: Settings, environ: Mapping[str, str]
) -> Starter:
    argv = [sys.executable, "-P", "-m", "codexmcp", "serve", "--key-stdin"]
    argv += ["--idle-exit", str(IDLE_EXIT_S), *codex_words(arguments)]
    return Starter(argv, child_environment(environ), settings.api_key)


def _told(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the supervisor is told of our environment: nothing that is a secret."""
    from codexmcp.run_settings import (  # noqa: PLC0415 - 5 ms
        ALLOWED_VARIABLE,
        PREFIX,
        command_environment,
    )

    settings = {
        name: value
        for name, value in environ.items()
        if name.startswith(PREFIX) or name == ALLOWED_VARIABLE
    }
    return {**command_environment(environ), **settings}


def _provider_keys(home: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the keys that providers of the home's config.toml read from the environment."""
    try:
        text = (home / "config.toml").read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    if "env_key" not in text:
        return []
    from codexmcp.home.config import provider_key_variables  # noqa: PLC0415 - 10 ms

    return [environ.get(name, "") for name in provider_key_variables(text)]


def _cwd() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        raise ConfigurationError(
            "the working directory does not exist any more; change to one that does"
        ) from None
