"""The arguments of `codexmcp serve --http`, and of its tokens. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.mcp_server_arguments import add_policy, seconds

_ONLY_WITH_HTTP = (
    "host",
    "port",
    "path",
    "allow_remote",
    "allowed_host",
    "allowed_origin",
    "max_rate",
    "fs_root",
    "portfolio",
    "extension",
    "allow_git_hooks",
    "sandbox",
    "approval_policy",
    "cwd",
    "model",
    "deny_read",
)

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 3000
_MAX_PORT = 65535


def add_http(parser: argparse.ArgumentParser) -> None:
    """Add what concerns the HTTP server."""
    group = parser.add_argument_group("HTTP")
    group.add_argument(
        "--http",
        action="store_true",
        help="serve MCP over HTTP as well; with --status, look whether that is up",
    )
    group.add_argument("--host", default=DEFAULT_HOST, help="default: %(default)s")
    group.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="0 for any; default: %(default)s"
    )
    group.add_argument("--path", default="/mcp", help="of MCP; default: %(default)s")
    group.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen also where other machines can reach it; nothing is encrypted",
    )
    group.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further host name that clients use; may be given several times",
    )
    group.add_argument(
        "--allowed-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page whose requests are let in; may be given several times",
    )
    group.add_argument(
        "--max-rate",
        type=seconds,
        default=200.0,
        metavar="N",
        help="requests per second and token; 0 for no bound; default: %(default)g",
    )
    _add_workspace(parser)
    add_policy(
        parser,
        "policy for runs over HTTP (what is fixed, no tool argument can widen)",
        profile=False,
    )
    _add_tokens(parser)


def without_effect(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    """Return the options that were given and mean nothing without `--http`."""
    if arguments.http:
        return []
    given = vars(arguments)
    named = (name for name in _ONLY_WITH_HTTP if given[name] != parser.get_default(name))
    return [f"--{name.replace('_', '-')}" for name in named]


def add_actions(what: argparse._MutuallyExclusiveGroup) -> None:  # pyright: ignore[reportPrivateUsage] - argparse has no other name for it
    """Add what is done instead of serving."""
    what.add_argument(
        "--rotate-token",
        action="store_true",
        help="replace the token in ~/.agentos/token; a running server takes the new one at once",
    )
    what.add_argument("--add-token", metavar="NAME", help="make a further token and print it")
    what.add_argument("--remove-token", metavar="NAME", help="a further token counts no more")
    what.add_argument("--list-tokens", action="store_true", help="list names and scopes")


def _add_workspace(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tools of the workspace, with --http")
    group.add_argument(
        "--fs-root",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder that file and git tools may use; may be given several times; default: "
        "AGENTOS_FS_ROOTS, or here",
    )
    group.add_argument(
        "--portfolio",
        type=Path,
        metavar="DIR",
        help="default: AGENTOS_PORTFOLIO, or context-portfolio here",
    )
    group.add_argument(
        "--extension",
        type=Path,
        metavar="DIR",
        help="the editor extension to compile, package and install; default: "
        "AGENTOS_EXTENSION_DIR, or none",
    )
    group.add_argument(
        "--allow-git-hooks",
        action="store_true",
        help="let repositories run their own hooks, filters and programs",
    )


def _add_tokens(parser: argparse.ArgumentParser) -> None:
    parser.add_argument_group("tokens").add_argument(
        "--scopes",
        type=_words,
        default=(),
        metavar="SCOPES",
        help="with --add-token: read, write, git, runs; several with commas between them",
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return value
