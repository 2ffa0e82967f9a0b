"""The arguments of `codexmcp serve`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from functools import partial

from codexmcp.cli.mcp_server_arguments import add_codex_options, count, seconds
from codexmcp.cli.serve_http_arguments import add_actions, add_http, without_effect
from codexmcp.cli.verbs import Commands

_EPILOG = """\
examples:
  codexmcp serve
      supervise runs in the foreground, as under systemd or in a container,
      until SIGTERM
  codexmcp serve --status
      say whether a supervisor runs here: exit code 0 if so, 3 if not
  codexmcp serve --stop
      have it finish its runs within its drain timeout, and end
  codexmcp serve --http
      supervise, and serve MCP over HTTP at http://127.0.0.1:3000/mcp, for
      clients with the token
  codexmcp serve --status --http
      say whether that is up: exit code 0 if so, 3 if not
  codexmcp serve --http --port 3001 --install
      have the user's service manager run `codexmcp serve --http --port 3001`
  codexmcp serve --in-container codexmcp:latest --workspace ~/project
      the same with Codex in a container; its clients are started with these
      options too

Clients need not have it started: `codexmcp mcp-server --shared` starts it when
there is none.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        help="supervise Codex and its runs, for clients that come and go",
        description="Supervise Codex and its runs. One supervisor serves one Codex home and\n"
        "one set of credentials, to any number of clients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say what it does; start nothing")
    what.add_argument("--stop", action="store_true", help="end it")
    add_actions(what)
    _add_service(parser, what)
    parser.add_argument("--json", action="store_true", help="say it as JSON")
    _add_runs(parser)
    add_http(parser)
    add_codex_options(parser)
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")
    parser.add_argument("--key-stdin", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ready-fd", type=int, default=None, help=argparse.SUPPRESS)
    parser.set_defaults(profile=None, without_effect=partial(without_effect, parser=parser))
    return parser


def _add_service(
    parser: argparse.ArgumentParser,
    what: argparse._MutuallyExclusiveGroup,  # pyright: ignore[reportPrivateUsage] - argparse has no other name for it
) -> None:
    what.add_argument(
        "--install",
        action="store_true",
        help="have systemd or launchd run it with the other options given, now and at each login",
    )
    what.add_argument("--uninstall", action="store_true", help="end that and remove its file")
    parser.add_argument(
        "--dry-run", action="store_true", help="with --install, print the file and change nothing"
    )
    parser.add_argument(
        "--force", action="store_true", help="with --install, replace a file that is not ours"
    )


def _add_runs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("runs")
    group.add_argument(
        "--max-runs", type=count, default=64, metavar="N", help="at once; default: %(default)s"
    )
    group.add_argument(
        "--max-runs-per-folder",
        type=count,
        default=16,
        metavar="N",
        help="at once in one working directory; default: %(default)s",
    )
    group.add_argument(
        "--idle-exit",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="end after so long without clients and runs; 0 means never; default: %(default)g",
    )
    group.add_argument(
        "--drain-timeout",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="on runs under way when it is to end; then they are interrupted and can be resumed; "
        "default: %(default)g",
    )
    group.add_argument(
        "--allow-policy-amendments",
        action="store_true",
        help="let an answer to a question write a rule to the Codex home, which then runs matching "
        "commands outside the sandbox in every later session",
    )
