"""`codexmcp mcp-server`: from its arguments to a running server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import codexmcp
from codexmcp.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from codexmcp.server.stdio import ServerOptions

_EPILOG = """\
examples:
  codexmcp mcp-server
      the two tools of the removed `codex mcp-server`, with the caller's choice of policy
  codexmcp mcp-server --sandbox workspace-write --approval-policy never --cwd output
      the same with a fixed policy, which no tool argument can widen
"""


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse keeps the type to itself
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "mcp-server",
        help="serve Codex's tools `codex` and `codex-reply` over MCP on stdin and stdout",
        description="Serve the tools `codex` and `codex-reply` over MCP on stdin and stdout, as "
        "`codex mcp-server` did until it was removed in Codex 0.154.0.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    policy = parser.add_argument_group("policy (what is fixed here, a tool argument cannot widen)")
    policy.add_argument("--sandbox", choices=("read-only", "workspace-write", "danger-full-access"))
    policy.add_argument("--approval-policy", choices=("on-request", "never"))
    policy.add_argument("--cwd", type=Path, metavar="DIR", help="work in DIR or below")
    policy.add_argument("--model", metavar="NAME")
    policy.add_argument(
        "--deny-read",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="hide FILE from commands in the sandboxed modes; may be given several times",
    )
    bounds = parser.add_argument_group("bounds, in seconds (0 means none)")
    bounds.add_argument("--timeout", type=_seconds, default=0.0, help="on a call; default: none")
    bounds.add_argument(
        "--idle-timeout",
        type=_seconds,
        default=600.0,
        help="on the time without a sign of life from Codex; default: %(default)g",
    )
    bounds.add_argument(
        "--drain-timeout",
        type=_seconds,
        default=None,
        help="on running calls after stdin has ended, 0 ends them at once; default: none",
    )
    codex = parser.add_argument_group("Codex")
    codex.add_argument(
        "-c",
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of config.toml",
    )
    codex.add_argument("--enable", action="append", default=[], metavar="FEATURE")
    codex.add_argument("--disable", action="append", default=[], metavar="FEATURE")
    codex.add_argument("--strict-config", action="store_true")
    codex.add_argument(
        "--model-endpoint",
        metavar="URL",
        help="reach the model at URL, a Responses API that needs no key",
    )
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")


def run(arguments: argparse.Namespace) -> None:
    """Serve until the client leaves."""
    import asyncio  # noqa: PLC0415 - `--help` needs none of this

    from codexmcp.server.stdio import serve_stdio  # noqa: PLC0415

    asyncio.run(serve_stdio(server_options(arguments)))


def server_options(arguments: argparse.Namespace) -> ServerOptions:
    """Return how the server is to run.

    Raises:
        ConfigurationError: The surroundings do not allow it.
    """
    from codexmcp.appserver.client import LaunchOptions  # noqa: PLC0415
    from codexmcp.appserver.turns import TurnLimits  # noqa: PLC0415
    from codexmcp.home import access, binary, config, key_proxy  # noqa: PLC0415
    from codexmcp.server.engine import EngineOptions  # noqa: PLC0415
    from codexmcp.server.policy import Policy  # noqa: PLC0415
    from codexmcp.server.stdio import ServerOptions  # noqa: PLC0415
    from codexmcp.settings import (  # noqa: PLC0415
        KEY_VARIABLES,
        child_environment,
        load_settings,
    )

    settings = load_settings(os.environ)
    codex = binary.find_codex(settings.codex_bin)
    home = config.read_home(settings.codex_home or config.default_home())
    env = child_environment(os.environ)
    overrides = list(arguments.config)
    proxy = None
    if arguments.model_endpoint:
        overrides += access.provider_overrides(arguments.model_endpoint.rstrip("/"))
    else:
        try:
            way = access.choose_access(
                key=settings.api_key,
                base_url=settings.base_url,
                config={**home.config, **_given_provider(arguments.config)},
                has_login=home.has_login,
            )
        except CredentialsError:
            # As the removed server did: the first call says what the model's endpoint says.
            way = access.OwnAccess()
        if isinstance(way, access.KeyAccess):
            proxy = key_proxy.KeyProxy(codex, env, way)
        elif settings.api_key is not None and way.key_variable in KEY_VARIABLES:
            env[way.key_variable] = settings.api_key
    flags = [f"--enable={name}" for name in arguments.enable]
    flags += [f"--disable={name}" for name in arguments.disable]
    flags += ["--strict-config"] if arguments.strict_config else []
    policy = Policy(
        sandbox=arguments.sandbox,
        approval_policy=arguments.approval_policy,
        cwd=_folder(arguments.cwd),
        model=arguments.model,
    )
    return ServerOptions(
        launch=LaunchOptions(codex=codex, env=env, overrides=overrides, flags=flags),
        version=binary.package_version(codex) or codexmcp.__version__,
        proxy=proxy,
        engine=EngineOptions(
            policy=policy,
            limits=TurnLimits(arguments.timeout or None, arguments.idle_timeout or None),
            deny_read=[os.path.abspath(path) for path in arguments.deny_read],  # noqa: PTH100
        ),
        drain_s=arguments.drain_timeout,
    )


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


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
