"""The options of `codexmcp profiles`."""

from __future__ import annotations

from codexmcp.cli.options.parts import OutputFlags, WritingFlags
from codexmcp.command_line import Command, argument, flag, option
from codexmcp.data_classes import dataclass

_REPLACE = "replace files with other contents"


@dataclass(frozen=True, kw_only=True)
class ProfileShowOptions(OutputFlags):
    """The options of `codexmcp profiles show`."""

    name: str = argument("the profile", "NAME")


@dataclass(frozen=True, kw_only=True)
class ProfileAddOptions(WritingFlags):
    """The options of `codexmcp profiles add`."""

    names: tuple[str, ...] = argument("see `codexmcp profiles list`", "NAME", nargs="+")
    model: str | None = option("the model to ask for", "MODEL")
    base_url: str | None = option("the endpoint, up to /responses", "URL")
    env_key: str | None = option("the variable that holds the key", "VARIABLE")
    as_: str | None = option("the name of the new profile", "NAME")
    replace: bool = flag(_REPLACE)


@dataclass(frozen=True, kw_only=True)
class ProfileRemoveOptions(WritingFlags):
    """The options of `codexmcp profiles remove`."""

    names: tuple[str, ...] = argument("the profiles", "NAME", nargs="+")


@dataclass(frozen=True, kw_only=True)
class ProfileMigrateOptions(WritingFlags):
    """The options of `codexmcp profiles migrate`."""

    replace: bool = flag(_REPLACE)


@dataclass(frozen=True, kw_only=True)
class ProfileCheckOptions(OutputFlags):
    """The options of `codexmcp profiles check`."""

    names: tuple[str, ...] = argument("default: all", "NAME", nargs="*")
    live: bool = flag("call the real endpoints with a tiny prompt, which costs a little")


COMMANDS = (
    Command(
        name="profiles",
        summary="list, add, migrate and check the profiles of a Codex home",
        description="The profiles of a Codex home: other models, other providers.",
        epilog="""\
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
""",
        commands=(
            Command(
                "list",
                "list the profiles of the home, and those that can be added",
                "profiles:list_profiles",
                OutputFlags,
            ),
            Command(
                "show",
                "print a profile, or one that can be added",
                "profiles:show",
                ProfileShowOptions,
            ),
            Command("add", "add ready profiles", "profiles:add", ProfileAddOptions),
            Command(
                "remove",
                "delete profiles; a copy of each stays beside it",
                "profiles:remove",
                ProfileRemoveOptions,
            ),
            Command(
                "migrate",
                "turn the [profiles.NAME] tables of config.toml into files",
                "profiles:migrate",
                ProfileMigrateOptions,
            ),
            Command(
                "check",
                "run the real Codex with profiles, and print its requests",
                "profiles_check:check",
                ProfileCheckOptions,
            ),
        ),
    ),
)
