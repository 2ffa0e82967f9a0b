"""`codexmcp mcp-server`: from its arguments to a running server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import codexmcp
from codexmcp.errors import CredentialsError, UsageError

if TYPE_CHECKING:
    from codexmcp.appserver.turns import TurnLimits
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
    policy.add_argument("--profile", metavar="NAME", help="settings of NAME.config.toml")
    policy.add_argument(
        "--deny-read",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="hide FILE from commands in the sandboxed modes; may be given several times",
    )
    questions = parser.add_argument_group("questions of Codex")
    questions.add_argument(
        "--approval-timeout",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="how long the client may take to answer; default: %(default)g",
    )
    questions.add_argument(
        "--approval-default",
        choices=("decline", "cancel"),
        default="decline",
        help="what holds without an answer: the turn goes on, or ends; default: %(default)s",
    )
    questions.add_argument(
        "--allow-policy-amendments",
        action="store_true",
        help="let the client have rules written to the Codex home, which then run matching "
        "commands outside the sandbox in every later session",
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
    parser.add_argument(
        "--no-deltas",
        action="store_true",
        help="leave out the pieces of messages and command output while they come; the whole comes "
        "at the end in any case",
    )
    parser.add_argument(
        "--max-result-bytes",
        type=int,
        default=200_000,
        metavar="N",
        help="cut longer answers, with a note; 0 means never; default: %(default)s",
    )
    parser.add_argument(
        "--strict-compat",
        action="store_true",
        help="be the removed server to the letter: no further arguments or fields, no resuming of "
        "threads from before a restart, no cut answers",
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
    from codexmcp.appserver.client import DELTAS, LaunchOptions  # noqa: PLC0415
    from codexmcp.home import access, binary, config, key_proxy  # noqa: PLC0415
    from codexmcp.server.codex import CodexOptions  # noqa: PLC0415
    from codexmcp.server.engine import EngineOptions  # noqa: PLC0415
    from codexmcp.server.policy import Policy  # noqa: PLC0415
    from codexmcp.server.protocol import ProtocolOptions  # noqa: PLC0415
    from codexmcp.server.questions import Answer, Verdict  # noqa: PLC0415
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
        profile=arguments.profile,
        deny_read=tuple(os.path.abspath(path) for path in arguments.deny_read),  # noqa: PTH100
    )
    launch = LaunchOptions(
        codex=codex,
        env=env,
        overrides=overrides,
        flags=flags,
        opt_out=DELTAS if arguments.no_deltas else (),
    )
    return ServerOptions(
        codex=CodexOptions(launch, proxy),
        protocol=ProtocolOptions(
            version=binary.package_version(codex) or codexmcp.__version__,
            strict=arguments.strict_compat,
            approval_timeout_s=arguments.approval_timeout,
            default_answer=Answer(Verdict(arguments.approval_default)),
            allow_amendments=arguments.allow_policy_amendments,
        ),
        engine=EngineOptions(
            policy=policy,
            limits=_limits(arguments),
            resumes=not arguments.strict_compat,
            max_result_bytes=None
            if arguments.strict_compat
            else arguments.max_result_bytes or None,
        ),
        drain_s=arguments.drain_timeout,
    )


def _limits(arguments: argparse.Namespace) -> TurnLimits:
    from codexmcp.appserver.turns import TurnLimits  # noqa: PLC0415

    idle_s: float | None = arguments.idle_timeout or None
    if idle_s is not None and arguments.approval_policy != "never":
        # A turn that waits for an answer is silent, and that is no fault of its own.
        idle_s = max(idle_s, arguments.approval_timeout + 5)
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


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
