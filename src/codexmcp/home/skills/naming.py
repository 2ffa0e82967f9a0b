"""Checks of a skill's name and description. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from codexmcp.home.skills.faults import Fault, advice, broken, dropped
from codexmcp.home.skills.folder import SKILL_FILE
from codexmcp.home.skills.front_matter import FrontMatter

LONGEST_NAME = 64
"""Characters. Source: Codex omits a skill with a longer name."""

LONGEST_DESCRIPTION = 1024
"""Characters. Source: the specification of Agent Skills (https://agentskills.io/specification);
Codex lists longer descriptions and shortens them in the prompt (measured on 0.163.0)."""

# Source: a prompt refers to a skill as `$name`, and Codex searches for these characters (measured
# on 0.163.0: a skill with other characters is listed, but prompts cannot refer to the skill).
_MENTION = re.compile(r"[A-Za-z0-9_:-]+")
# The specification's own pattern, accepted by every program.
_PORTABLE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Source: Codex treats these as shell variables, in any case (measured on 0.163.0).
_VARIABLES = frozenset(
    {"path", "home", "user", "shell", "pwd", "tmpdir", "temp", "tmp", "lang", "term"}
    | {"xdg_config_home"}
)


def naming_faults(folder: Path, matter: FrontMatter) -> Iterator[Fault]:
    """Yield the faults of a skill's name and description.

    Args:
        folder: The skill's folder, absolute.
        matter: The skill's front matter.
    """
    path = folder / SKILL_FILE
    yield from _name_faults(path, folder.name, matter)
    line = matter.lines.get("description")
    if not matter.description:
        remedy = "add `description:` with the skill's purpose and occasion"
        yield dropped(path, "it has no description", remedy, line)
    elif len(matter.description) > LONGEST_DESCRIPTION:
        size = len(matter.description)
        what = f"the description has {size} characters; {LONGEST_DESCRIPTION} are allowed"
        yield advice(path, what, "move the details into the text below", line)


def _name_faults(path: Path, folder: str, matter: FrontMatter) -> Iterator[Fault]:
    line = matter.lines.get("name")
    name = matter.name
    if name is None:
        yield advice(path, "it has no name, so Codex takes the folder's", f"add `name: {folder}`")
        name = folder
    if len(name) > LONGEST_NAME:
        what = f"the name has {len(name)} characters; {LONGEST_NAME} are allowed"
        yield dropped(path, what, "shorten the name and the folder's", line)
    elif not _MENTION.fullmatch(name):
        what = (
            f"no prompt can name it: ${name} holds other characters than letters, digits, -, _, :"
        )
        yield broken(path, what, "use lower-case letters, digits and hyphens", line)
    elif name.lower() in _VARIABLES:
        what = f"no prompt can name it: Codex takes ${name} for a variable of the shell"
        yield broken(path, what, "give it another name", line)
    elif not _PORTABLE.fullmatch(name):
        what = f"the name {name} is not portable"
        yield advice(path, what, "use lower-case letters, digits and single hyphens", line)
    if name != folder:
        what = f"the name is {name}, and its folder is {folder}"
        yield advice(path, what, f"rename the folder to {name}, or correct the name", line)


def duplicate_faults(names: Mapping[Path, str]) -> Iterator[Fault]:
    """Yield a fault for every skill with a duplicate name.

    Source: for two skills of the same name Codex resolves neither in a prompt (measured on
    0.163.0).

    Args:
        names: The names of listed skills, by folder.
    """
    folders: dict[str, list[Path]] = {}
    for folder, name in names.items():
        folders.setdefault(name, []).append(folder)
    for name, same in folders.items():
        for folder in same if len(same) > 1 else ():
            yield broken(
                folder / SKILL_FILE,
                f"there is another skill {name}, in {_others(same, folder)}; ${name} gives neither",
                "rename one of them, or remove it",
            )


def _others(same: Sequence[Path], folder: Path) -> str:
    return ", ".join(str(each) for each in same if each != folder)
