"""The arguments of `codexmcp sync` and `codexmcp init`. Imports nothing but argparse."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.verbs import Commands, add_dry_run, add_telling, add_verb

TARGETS = ("codex", "claude", "cursor")

_EPILOG = """\
examples:
  codexmcp init ~/agentos
  codexmcp sync push-runtime --repo ~/agentos --dry-run
  codexmcp sync push-runtime --repo ~/agentos --target all
  codexmcp sync check-sync --repo ~/agentos --json
  codexmcp sync clean-runtime --no-redeploy

The folders are those that CODEX_HOME and CLAUDE_CONFIG_DIR name, or ~/.codex,
~/.claude and ~/.cursor.
Exit codes: 0 done or in sync, 1 check-sync has found drift, 2 usage, 78
something stands in the way: then nothing was written, and the message says what
to do.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command `sync` to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "sync",
        help="deploy config, memories and skills from a repository to Codex, Claude Code, Cursor",
        description="Keep the config, memories and skills of Codex, Claude Code and Cursor\n"
        "in one repository.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    push = _verb(verbs, "push-runtime", "deploy the repository")
    _add_writing(push)
    pull = _verb(verbs, "pull-runtime", "copy what a client holds to clients/CLIENT/ for a look")
    add_dry_run(pull)
    pull.add_argument("--yes", action="store_true", help="keep the files without asking")
    pull.add_argument(
        "--keep-flagged",
        action="store_true",
        help="keep files, too, that hold what looks like a secret",
    )
    clean = _verb(verbs, "clean-runtime", "take out what was deployed, and deploy it anew")
    clean.add_argument("--no-redeploy", action="store_true", help="only take out")
    _add_writing(clean)
    check = _verb(verbs, "check-sync", "say what is not as a push would make it; exit code 1 if so")
    _add_choices(check)
    return parser


def add_init_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command `init` to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "init",
        help="make a repository for `codexmcp sync`",
        description="Make a repository for `codexmcp sync`, with a config fragment, four profiles, "
        "memories and a skill to begin with.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    add_telling(parser)
    return parser


def _verb(verbs: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    parser = add_verb(verbs, name, summary)
    parser.add_argument(
        "--repo",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the repository; default: the current folder",
    )
    parser.add_argument(
        "--target",
        action="append",
        choices=(*TARGETS, "all"),
        help="a client; may be given again; default: codex",
    )
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="the client's folder, for one target"
    )
    return parser


def _add_writing(parser: argparse.ArgumentParser) -> None:
    add_dry_run(parser)
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace what was edited where it was deployed to, or was there before; a copy is "
        "kept beside it",
    )
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not ask the real Codex whether it takes the configuration",
    )
    _add_choices(parser)


def _add_choices(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to deploy", "default: as the last push did")
    group.add_argument(
        "--native-memories",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="put memories into Codex's own memories/ instead of agentos-memories/",
    )
    group.add_argument(
        "--command-log",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="have skills report their use to the shared server; on at first",
    )
