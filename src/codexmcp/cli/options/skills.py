"""The options of `codexmcp skills`."""

from __future__ import annotations

from pathlib import Path

from codexmcp.cli.options.parts import OutputFlags
from codexmcp.command_line import Command, argument, flag
from codexmcp.data_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class SkillsCheckOptions(OutputFlags):
    """The options of `codexmcp skills check`."""

    folders: tuple[Path, ...] = argument(
        "skills folders, or folders of one skill each; default: the Codex home's skills",
        "DIR",
        parse=Path,
        nargs="*",
    )


@dataclass(frozen=True, kw_only=True)
class SkillsListOptions(SkillsCheckOptions):
    """The options of `codexmcp skills list`."""

    smoke: bool = flag("only names of skills that declare a smoke command")


COMMANDS = (
    Command(
        name="skills",
        summary="list and check the skills of a Codex home or of any folder",
        epilog="""\
examples:
  codexmcp skills check
      check the skills of the Codex home
  codexmcp skills check .codex/skills ~/.agents/skills
      check two folders, and what they have in common
  codexmcp skills list --smoke
      the names of the skills that declare a smoke command, one a line

Exit codes: 0 nothing is wrong, 1 something is, 2 usage. Advice does not count.
""",
        commands=(
            Command(
                "list",
                "show skills",
                "skills:list_skills",
                SkillsListOptions,
                description="Show the skills that Codex would list, and those that it leaves out.",
            ),
            Command(
                "check",
                "report the faults of skills",
                "skills:check",
                SkillsCheckOptions,
                description="Check skills the way Codex reads them: front matter, names, files "
                "that their text names, scripts, links, sizes, secrets. Nothing is run or changed.",
            ),
        ),
    ),
)
