"""The check of one or more skills folders.

Promises that what it calls dropped is what Codex leaves out of its list, that nothing is changed
or run, and that no secret is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.home.skills.content import file_faults, reference_faults
from codexmcp.home.skills.faults import Fault, Severity, advice, broken, dropped
from codexmcp.home.skills.finding import find_skills
from codexmcp.home.skills.folder import READ_BYTES, SKILL_FILE, SkillFolder, read_skill
from codexmcp.home.skills.front_matter import (
    FrontMatter,
    FrontMatterError,
    FrontMatterSizeError,
    read_front_matter,
)
from codexmcp.home.skills.interface import interface_faults
from codexmcp.home.skills.naming import duplicate_faults, naming_faults
from codexmcp.home.skills.secrets import Shape, secret_faults


@dataclass(frozen=True, slots=True)
class CheckedSkill:
    """A skill and what is wrong with it.

    Attributes:
        path: Its folder.
        name: Its name; the folder's when it has none or cannot be read.
        description: What it is for; empty when that is unknown.
        smoke: The command that it declares as its smoke test; None without one.
        faults: What is wrong with it.
    """

    path: Path
    name: str
    description: str
    smoke: str | None
    faults: tuple[Fault, ...]

    @property
    def is_listed(self) -> bool:
        """Whether Codex lists it."""
        return all(fault.severity is not Severity.DROPPED for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        skills: All skills, by path.
        faults: What is wrong with them and around them, by path and line.
    """

    skills: tuple[CheckedSkill, ...]
    faults: tuple[Fault, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong that counts."""
        return not any(fault.counts for fault in self.faults)


def check_skills(roots: Sequence[Path], shapes: Iterable[Shape]) -> Report:
    """Check the skills of some folders.

    Args:
        roots: Skills folders, or folders of one skill each; they must exist.
        shapes: What secrets look like.
    """
    known = list(shapes)
    around, paths = list[Fault](), dict[Path, Path]()
    for root in roots:
        found = find_skills(root.absolute())
        around += found.faults
        # One skill may be reached by two of the folders.
        paths |= {path.resolve(): path for path in found.skills if path.resolve() not in paths}
    skills = tuple(check_skill(read_skill(path), known) for path in paths.values())
    names = {skill.path: skill.name for skill in skills if skill.is_listed}
    own = [fault for skill in skills for fault in skill.faults]
    faults = [*around, *own, *duplicate_faults(names)]
    return Report(skills, tuple(sorted(faults, key=lambda each: (str(each.path), each.line or 0))))


def check_skill(skill: SkillFolder, shapes: Iterable[Shape]) -> CheckedSkill:
    """Check one skill that was read.

    Args:
        skill: The skill.
        shapes: What secrets look like.
    """
    try:
        matter, faults = _front_matter(skill), list[Fault]()
    except FrontMatterError as error:
        fault = broken if isinstance(error, FrontMatterSizeError) else dropped
        path = skill.path / SKILL_FILE
        matter, faults = None, [fault(path, error.what, error.remedy, error.line)]
    if matter is not None:
        faults += _text_faults(skill, matter)
    faults += [*file_faults(skill), *interface_faults(skill), *secret_faults(skill, shapes)]
    return CheckedSkill(
        path=skill.path,
        name=(matter.name if matter else None) or skill.path.name,
        description=matter.description if matter else "",
        smoke=matter.smoke if matter else None,
        faults=tuple(faults),
    )


def _front_matter(skill: SkillFolder) -> FrontMatter:
    file = skill.skill_file
    if file is None or file.trouble is not None:
        trouble = file.trouble if file and file.trouble else "it is gone"
        raise FrontMatterError(f"it cannot be read: {trouble}", "make it readable")
    # A character may be cut in two at the bound.
    whole = file.size_bytes <= READ_BYTES
    data = file.data if whole else file.data[: file.data.rfind(b"\n") + 1]
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FrontMatterError("it is not UTF-8", "save it as UTF-8", line) from None
    return read_front_matter(text)


def _text_faults(skill: SkillFolder, matter: FrontMatter) -> Iterator[Fault]:
    path = skill.path / SKILL_FILE
    if matter.is_repaired:
        what = "the front matter is no YAML; this Codex repairs it, and others drop the skill"
        yield advice(path, what, "put values with `: ` in quotes, and those that begin with a sign")
    if skill.skill_file and b"\r\n" in skill.skill_file.data:
        yield advice(path, "its lines end as on Windows", "save it with LF line ends")
    yield from naming_faults(skill.path, matter)
    yield from reference_faults(skill, matter)
