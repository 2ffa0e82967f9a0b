"""The arguments of `codexmcp mcp-server`.

Imports nothing but argparse: `--help` and a wrong option shall be answered at once.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Any

_EPILOG = """\
examples:
  codexmcp mcp-server
      the two tools of the removed `codex mcp-server`, with the policy that the
      caller asks for
  codexmcp mcp-server --cwd output \\
        --sandbox workspace-write --approval-policy never
      the same with a fixed policy, which no tool argument can widen
  codexmcp mcp-server --shared
      also the tools of supervised runs, which outlive this server; the
      supervisor behind them is started when there is none
  codexmcp mcp-server --in-container codexmcp:latest --workspace ~/project
      the two tools, with Codex in a container that has no network and sees that
      folder only; with --shared the tools of supervised runs as well
"""


def add_parser(commands: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse hides the type
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "mcp-server",
        help="serve Codex's tools `codex` and `codex-reply` over MCP on stdin and stdout",
        description="Serve the tools `codex` and `codex-reply` over MCP on stdin and stdout, as\n"
        "`codex mcp-server` did until it was removed in Codex 0.154.0.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_options(parser)
    return parser


@cache  # making it takes longer than all else that a new client of a supervisor waits for
def alone() -> argparse.ArgumentParser:
    """Return a parser of the command's arguments, without the command."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _add_options(parser)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    _add_sharing(parser)
    add_policy(parser, "policy (what is fixed, no tool argument can widen)")
    _add_questions(parser)
    _add_bounds(parser)
    _add_answers(parser)
    add_codex_options(parser)
    parser.add_argument("--debug", action="store_true", help="log in detail, show tracebacks")


def _add_sharing(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tools")
    group.add_argument(
        "--shared",
        action="store_true",
        help="be served by the supervisor of this Codex home, whose runs outlive this server",
    )
    group.add_argument(
        "--tools",
        type=_groups,
        metavar="GROUPS",
        help="`codex` (codex, codex-reply), `runs` (codex_run, codex_wait, ...) or `codex,runs`; "
        "default: codex, with --shared both",
    )


def add_policy(parser: argparse.ArgumentParser, title: str, *, profile: bool = True) -> None:
    """Add what fixes a policy.

    Args:
        parser: The parser.
        title: What stands above it in the help.
        profile: Whether a profile can be part of it.
    """
    group = parser.add_argument_group(title)
    group.add_argument("--sandbox", choices=("read-only", "workspace-write", "danger-full-access"))
    group.add_argument(
        "--approval-policy",
        choices=("on-request", "never"),
        help="with on-request a client that approves a command lets it out of the sandbox",
    )
    group.add_argument("--cwd", type=Path, metavar="DIR", help="work in DIR or below")
    group.add_argument("--model", metavar="NAME", help="the only model")
    if profile:
        group.add_argument("--profile", metavar="NAME", help="settings of NAME.config.toml")
    group.add_argument(
        "--deny-read",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="hide FILE from commands in the sandboxed modes; may be given several times",
    )


def _add_questions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("questions of Codex")
    group.add_argument(
        "--approval-timeout",
        type=seconds,
        default=300.0,
        metavar="SECONDS",
        help="how long the client may take to answer; default: %(default)g",
    )
    group.add_argument(
        "--approval-default",
        choices=("decline", "cancel"),
        default="decline",
        help="what holds without an answer: the turn goes on, or ends; default: %(default)s",
    )
    group.add_argument(
        "--allow-policy-amendments",
        action="store_true",
        help="let the client have rules written to the Codex home, which then run matching "
        "commands outside the sandbox in every later session",
    )


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("bounds, in seconds")
    group.add_argument(
        "--timeout", type=seconds, default=0.0, metavar="SECONDS", help="on a turn; default: none"
    )
    group.add_argument(
        "--idle-timeout",
        type=seconds,
        default=600.0,
        metavar="SECONDS",
        help="on the time without a sign of life from Codex; default: %(default)g",
    )
    group.add_argument(
        "--drain-timeout",
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="on running calls after stdin has ended; 0 ends them at once; default: %(default)g",
    )


def _add_answers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("answers")
    group.add_argument(
        "--no-deltas",
        action="store_true",
        help="leave out the pieces of messages and command output while they come; the whole "
        "comes at the end in any case",
    )
    group.add_argument(
        "--max-result-bytes",
        type=count,
        default=200_000,
        metavar="N",
        help="cut longer answers, with a note; 0 means never; default: %(default)s",
    )
    group.add_argument(
        "--strict-compat",
        action="store_true",
        help="be the removed server to the letter: no further arguments or fields, no resuming of "
        "threads from before a restart, no cut answers",
    )


def add_codex_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides how Codex is run."""
    group = parser.add_argument_group("Codex")
    group.add_argument(
        "-c",
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of config.toml",
    )
    group.add_argument("--enable", action="append", default=[], metavar="FEATURE")
    group.add_argument("--disable", action="append", default=[], metavar="FEATURE")
    group.add_argument("--strict-config", action="store_true", help="refuse unknown settings")
    group.add_argument(
        "--model-endpoint",
        metavar="URL",
        help="reach the model at URL, a Responses API that needs no key",
    )
    _add_container(parser)


def _add_container(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Codex in a container (Linux)")
    group.add_argument(
        "--in-container",
        metavar="IMAGE",
        help="run Codex in a container of this image of codexmcp",
    )
    group.add_argument(
        "--workspace",
        type=Path,
        metavar="DIR",
        help="all that it sees of this machine, and where work is done; default: --cwd, or here",
    )
    group.add_argument(
        "--container-engine",
        choices=("docker", "podman"),
        help="default: the first of them on PATH",
    )


def _groups(text: str) -> tuple[str, ...]:
    groups = tuple(text.split(","))
    if not set(groups) <= {"codex", "runs"}:
        raise argparse.ArgumentTypeError(f"{text} is not `codex`, `runs` or `codex,runs`")
    return groups


def seconds(text: str) -> float:
    """Return a number of seconds from an argument."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def count(text: str) -> int:
    """Return a count from an argument."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value
