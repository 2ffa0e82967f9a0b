"""The arguments of `codexmcp profiles`. Imports nothing but argparse."""

from __future__ import annotations

import argparse

from codexmcp.cli.verbs import Commands, add_dry_run, add_verb

_EPILOG = """\
examples:
  codexmcp profiles add planner tools agentic cheap
  codexmcp profiles add azure --model my-deployment \\
      --base-url https://my-resource.openai.azure.com/openai/v1
  codexmcp profiles check
      what Codex would send with each profile: nothing leaves this machine
  codexmcp profiles migrate --dry-run

A profile is the file NAME.config.toml in the Codex home; use it with
`codex --profile NAME`. Keys are never in it, only the name of their variable.
Exit codes: 0 done, 1 a check has found faults, 2 usage, 78 a file is in the
way.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "profiles",
        help="list, add, migrate and check the profiles of a Codex home",
        description="The profiles of a Codex home: other models, other providers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_verb(verbs, "list", "list the profiles there are, and those that can be added")
    show = add_verb(verbs, "show", "print a profile, or one that can be added")
    show.add_argument("name", metavar="NAME")
    _add_add(verbs)
    remove = add_verb(verbs, "remove", "delete profiles; a copy of each stays beside it")
    remove.add_argument("names", nargs="+", metavar="NAME")
    add_dry_run(remove)
    migrate = add_verb(
        verbs, "migrate", "turn the [profiles.NAME] tables of config.toml into files"
    )
    _add_replace(migrate)
    add_dry_run(migrate)
    _add_check(verbs)
    return parser


def _add_add(verbs: Commands) -> None:
    parser = add_verb(verbs, "add", "add ready profiles")
    parser.add_argument("names", nargs="+", metavar="NAME", help="see `codexmcp profiles list`")
    parser.add_argument("--model", metavar="MODEL", help="the model to ask for")
    parser.add_argument("--base-url", metavar="URL", help="the endpoint, up to /responses")
    parser.add_argument("--env-key", metavar="VARIABLE", help="the variable that holds the key")
    parser.add_argument("--as", dest="as_name", metavar="NAME", help="what to call the profile")
    _add_replace(parser)
    add_dry_run(parser)


def _add_check(verbs: Commands) -> None:
    parser = add_verb(verbs, "check", "have the real Codex use profiles, and say what it sends")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all that there are")
    parser.add_argument(
        "--live",
        action="store_true",
        help="call the real endpoints with a tiny prompt, which costs a little",
    )


def _add_replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replace", action="store_true", help="replace files that say something else"
    )
