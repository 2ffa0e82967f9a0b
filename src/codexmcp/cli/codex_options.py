"""How Codex is to be run, from arguments, settings and the Codex home."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import CredentialsError
from codexmcp.home import access
from codexmcp.home.binary import find_codex
from codexmcp.home.config import default_home, read_home
from codexmcp.home.key_proxy import KeyProxy
from codexmcp.server.codex import CodexOptions
from codexmcp.server.extras import read_profile
from codexmcp.settings import KEY_VARIABLES, Settings, child_environment


def codex_options(
    arguments: argparse.Namespace,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    opt_out: Sequence[str] = (),
) -> CodexOptions:
    """Return how to run Codex, and its key proxy if the key is ours to guard.

    Args:
        arguments: Those of a command that runs Codex.
        settings: The settings.
        environ: The environment, without the keys that the settings have.
        opt_out: Notifications that it shall not send.

    Raises:
        ConfigurationError: The binary or the home cannot be used.
    """
    codex = find_codex(settings.codex_bin)
    env = child_environment(environ)
    if settings.codex_home is not None:
        env["CODEX_HOME"] = str(settings.codex_home)
    overrides = list(arguments.config)
    proxy = None
    # Before what the user has set, which wins.
    patience = access.retry_overrides(settings.request_retries)
    if arguments.model_endpoint:
        endpoint = arguments.model_endpoint.rstrip("/")
        overrides = [*patience, *overrides, *access.provider_overrides(endpoint)]
    else:
        way = _way(arguments, settings)
        if isinstance(way, access.KeyAccess):
            proxy = KeyProxy(codex, env, way)
            overrides = [*patience, *overrides]
        elif settings.api_key is not None and way.key_variable in KEY_VARIABLES:
            env[way.key_variable] = settings.api_key
    launch = LaunchOptions(
        codex=codex, env=env, overrides=overrides, flags=_flags(arguments), opt_out=opt_out
    )
    return CodexOptions(launch, proxy)


def _way(arguments: argparse.Namespace, settings: Settings) -> access.Access:
    home = read_home(settings.codex_home or default_home())
    profile = {} if arguments.profile is None else read_profile(home.path, arguments.profile)
    try:
        return access.choose_access(
            key=settings.api_key,
            base_url=settings.base_url,
            config={**home.config, **profile, **_given_provider(arguments.config)},
            has_login=home.has_login,
        )
    except CredentialsError:
        # As the removed server did: the first call says what the model's endpoint says.
        return access.OwnAccess()


def _flags(arguments: argparse.Namespace) -> list[str]:
    return [
        *(f"--enable={name}" for name in arguments.enable),
        *(f"--disable={name}" for name in arguments.disable),
        *(["--strict-config"] if arguments.strict_config else []),
    ]


def _given_provider(overrides: Sequence[str]) -> dict[str, str]:
    """Return the `model_provider` among `-c` settings, which decides as config.toml's does."""
    for setting in overrides:
        name, _, value = setting.partition("=")
        if name.strip() == "model_provider":
            return {"model_provider": value.strip().strip("\"'")}
    return {}
