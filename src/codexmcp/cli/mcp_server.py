"""`codexmcp mcp-server`: from its arguments to a running server."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

import codexmcp
from codexmcp.appserver.answers import Answer, Verdict
from codexmcp.appserver.launch import DELTAS, LaunchOptions
from codexmcp.appserver.turns import TurnLimits
from codexmcp.errors import CredentialsError, UsageError
from codexmcp.home import access
from codexmcp.home.binary import find_codex, package_version
from codexmcp.home.config import default_home, read_home
from codexmcp.home.key_proxy import KeyProxy
from codexmcp.home.permissions import can_be_moved
from codexmcp.server.codex import CodexOptions
from codexmcp.server.engine import EngineOptions
from codexmcp.server.extras import read_profile
from codexmcp.server.policy import Policy
from codexmcp.server.protocol import ProtocolOptions
from codexmcp.server.stdio import ServerOptions, serve_stdio
from codexmcp.settings import KEY_VARIABLES, child_environment, load_settings

_ANSWER_MARGIN_S = 5.0


def run(arguments: argparse.Namespace) -> None:
    """Serve until the client leaves.

    Raises:
        ConfigurationError: The surroundings do not allow it.
    """
    codex = _codex(arguments)
    version = package_version(codex.launch.codex) or codexmcp.__version__
    options = ServerOptions(
        codex=codex,
        protocol=_protocol(arguments, version),
        engine=_engine(arguments),
        drain_s=arguments.drain_timeout,
    )
    asyncio.run(serve_stdio(options))


def _codex(arguments: argparse.Namespace) -> CodexOptions:
    """Return how to run Codex, and its key proxy if the key is ours to guard."""
    settings = load_settings(os.environ)
    codex = find_codex(settings.codex_bin)
    env = child_environment(os.environ)
    overrides = list(arguments.config)
    proxy = None
    if arguments.model_endpoint:
        overrides += access.provider_overrides(arguments.model_endpoint.rstrip("/"))
    else:
        home = read_home(settings.codex_home or default_home())
        profile = {} if arguments.profile is None else read_profile(home.path, arguments.profile)
        try:
            way = access.choose_access(
                key=settings.api_key,
                base_url=settings.base_url,
                config={**home.config, **profile, **_given_provider(arguments.config)},
                has_login=home.has_login,
            )
        except CredentialsError:
            # As the removed server did: the first call says what the model's endpoint says.
            way = access.OwnAccess()
        if isinstance(way, access.KeyAccess):
            proxy = KeyProxy(codex, env, way)
        elif settings.api_key is not None and way.key_variable in KEY_VARIABLES:
            env[way.key_variable] = settings.api_key
    launch = LaunchOptions(
        codex=codex,
        env=env,
        overrides=overrides,
        flags=_flags(arguments),
        opt_out=DELTAS if arguments.no_deltas else (),
    )
    return CodexOptions(launch, proxy)


def _flags(arguments: argparse.Namespace) -> list[str]:
    return [
        *(f"--enable={name}" for name in arguments.enable),
        *(f"--disable={name}" for name in arguments.disable),
        *(["--strict-config"] if arguments.strict_config else []),
    ]


def _protocol(arguments: argparse.Namespace, version: str) -> ProtocolOptions:
    return ProtocolOptions(
        version=version,
        strict=arguments.strict_compat,
        approval_timeout_s=arguments.approval_timeout,
        default_answer=Answer(Verdict(arguments.approval_default)),
        allow_amendments=arguments.allow_policy_amendments,
    )


def _engine(arguments: argparse.Namespace) -> EngineOptions:
    strict: bool = arguments.strict_compat
    return EngineOptions(
        policy=_policy(arguments),
        limits=_limits(arguments),
        resumes=not strict,
        max_result_bytes=None if strict else arguments.max_result_bytes or None,
    )


def _policy(arguments: argparse.Namespace) -> Policy:
    policy = Policy(
        sandbox=arguments.sandbox,
        approval_policy=arguments.approval_policy,
        cwd=_folder(arguments.cwd),
        model=arguments.model,
        profile=arguments.profile,
        deny_read=tuple(map(os.path.realpath, arguments.deny_read)),
    )
    writable = policy.cwd is not None and policy.sandbox not in {"read-only", "danger-full-access"}
    for file in policy.deny_read if writable else ():
        if can_be_moved(file, os.path.realpath(policy.cwd or "/")):
            raise UsageError(
                f"--deny-read {file} lies in a folder below --cwd {policy.cwd}, which commands "
                "could rename to reach the file; work in another folder"
            )
    return policy


def _limits(arguments: argparse.Namespace) -> TurnLimits:
    idle_s: float | None = arguments.idle_timeout or None
    if idle_s is not None and arguments.approval_policy != "never":
        # A turn that waits for an answer is silent, and that is no fault of its own.
        idle_s = max(idle_s, arguments.approval_timeout + _ANSWER_MARGIN_S)
    return TurnLimits(arguments.timeout or None, idle_s)


def _given_provider(overrides: list[str]) -> dict[str, str]:
    """Return the `model_provider` among `-c` settings, which decides as config.toml's does."""
    for setting in overrides:
        name, _, value = setting.partition("=")
        if name.strip() == "model_provider":
            return {"model_provider": value.strip().strip("\"'")}
    return {}


def _folder(path: Path | None) -> str | None:
    if path is None:
        return None
    if not path.is_dir():
        raise UsageError(f"--cwd {path} is not a folder; create it or name another")
    return str(path.absolute())
