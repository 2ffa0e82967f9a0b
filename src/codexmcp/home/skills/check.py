"""The check of one or more skills folders.

With a view by Codex, Codex decides whether a skill is listed; the reason and its line are ours.
Guarantees: nothing is changed or run, and no secret is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass, replace
from codexmcp.home.skills.codex_view import CodexView
from codexmcp.home.skills.content import (
    commands_run,
    file_faults,
    interface_faults,
    reference_faults,
)
from codexmcp.home.skills.faults import Fault, Severity, advice, broken, dropped
from codexmcp.home.skills.finding import find_skills
from codexmcp.home.skills.folder import READ_BYTES, SKILL_FILE, SkillFolder, read_skill
from codexmcp.home.skills.front_matter import (
    FrontMatter,
    FrontMatterError,
    FrontMatterSizeError,
    read_front_matter,
)
from codexmcp.home.skills.naming import duplicate_faults, naming_faults
from codexmcp.home.skills.secrets import SecretMatcher, secret_faults


@dataclass(frozen=True, slots=True)
class CheckedSkill:
    """A skill and its faults.

    Attributes:
        path: The skill's folder.
        name: The skill's name; the folder's name if missing or unreadable.
        description: The description; empty if unknown.
        smoke: The declared smoke test command; None if absent.
        faults: The faults.
    """

    path: Path
    name: str
    description: str
    smoke: str | None
    faults: tuple[Fault, ...]

    @property
    def is_listed(self) -> bool:
        """True if Codex lists the skill."""
        return all(fault.severity is not Severity.DROPPED for fault in self.faults)


@dataclass(frozen=True, slots=True)
class SkillsReport:
    """The findings of a check.

    Attributes:
        skills: All skills, by path.
        faults: Faults of the skills and their folders, by path and line.
    """

    skills: tuple[CheckedSkill, ...]
    faults: tuple[Fault, ...]

    @property
    def is_good(self) -> bool:
        """True without counting faults."""
        return not any(fault.counts for fault in self.faults)


def check_skills(
    roots: Sequence[Path], shapes: Iterable[SecretMatcher], view: CodexView | None = None
) -> SkillsReport:
    """Check the skills of some folders.

    Args:
        roots: Existing skills folders, or folders of one skill each.
        shapes: Patterns of secrets.
        view: Codex's view of the same folders, which decides; None uses our rules alone.
    """
    known = list(shapes)
    around, paths = list[Fault](), dict[Path, Path]()
    for root in roots:
        found = find_skills(root.absolute())
        around += found.faults
        # Two of the folders may contain the same skill.
        paths |= {path.resolve(): path for path in found.skills if path.resolve() not in paths}
    skills = tuple(
        seen_by_codex(check_skill(read_skill(path), known), view) for path in paths.values()
    )
    names = {skill.path: skill.name for skill in skills if skill.is_listed}
    own = [fault for skill in skills for fault in skill.faults]
    faults = [*around, *own, *duplicate_faults(names)]
    faults += budget_faults(roots[0].absolute(), view) if view else ()
    return SkillsReport(
        skills, tuple(sorted(faults, key=lambda each: (str(each.path), each.line or 0)))
    )


def seen_by_codex(skill: CheckedSkill, view: CodexView | None) -> CheckedSkill:
    """Return a skill with Codex's decision on its listing.

    Args:
        skill: The skill by our rules.
        view: Codex's view; None keeps our decision.
    """
    path = skill.path.resolve()
    if view is None or skill.is_listed is (path in view.listed):
        return skill
    if path in view.listed:
        faults = tuple(replace(fault, severity=_milder(fault)) for fault in skill.faults)
        return replace(skill, faults=faults, description=view.listed[path])
    told = view.errors.get(path)
    what = f"Codex omits it: {told}" if told else f"Codex ignores it: {_PASSED_OVER}"
    remedy = "correct it" if told else "move it up, or copy the file here"
    fault = dropped(skill.path / SKILL_FILE, what, remedy)
    return replace(skill, faults=(fault, *skill.faults))


_PASSED_OVER = (
    "it is more than six folders deep or behind 2,000 other folders, or its SKILL.md is no "
    "regular file"
)


def _milder(fault: Fault) -> Severity:
    return Severity.ADVICE if fault.severity is Severity.DROPPED else fault.severity


def budget_faults(root: Path, view: CodexView) -> Iterator[Fault]:
    """Yield faults for skills omitted from the model's prompt because of their number.

    Args:
        root: The folder to report.
        view: Codex's view of the skills.
    """
    total, untold, bare, cut = map(len, (view.listed, view.untold, view.bare, view.cut))
    remedy = "keep fewer skills together, or shorten their descriptions"
    if untold:
        what = (
            f"Codex's budget for skills is exceeded: its model is not told of {untold} of {total}"
        )
        yield broken(root, what, remedy)
    if bare:
        what = f"Codex's budget for skills is exceeded: its model is told only the names of {bare}"
        yield broken(root, what, remedy)
    if cut:
        what = f"Codex cuts the descriptions of {cut} of {total} skills in the prompt"
        yield advice(root, what, f"{remedy}, with what matters first")


def check_skill(skill: SkillFolder, shapes: Iterable[SecretMatcher]) -> CheckedSkill:
    """Check a parsed skill.

    Args:
        skill: The skill.
        shapes: Patterns of secrets.
    """
    try:
        matter, faults = _front_matter(skill), list[Fault]()
    except FrontMatterError as error:
        fault = broken if isinstance(error, FrontMatterSizeError) else dropped
        path = skill.path / SKILL_FILE
        matter, faults = None, [fault(path, error.what, error.remedy, error.line)]
    if matter is not None:
        faults += _text_faults(skill, matter)
    run = commands_run(matter) if matter else frozenset[str]()
    faults += [*file_faults(skill, run), *interface_faults(skill), *secret_faults(skill, shapes)]
    return CheckedSkill(
        path=skill.path,
        name=(matter.name if matter else None) or skill.path.name,
        description=matter.description if matter else "",
        smoke=matter.smoke if matter else None,
        faults=tuple(faults),
    )


def _front_matter(skill: SkillFolder) -> FrontMatter:
    file = skill.skill_file
    if file is None or file.is_link or not file.is_regular:
        raise FrontMatterError("it is not a regular file, and Codex ignores it", "write it here")
    if file.trouble is not None:
        raise FrontMatterError(f"it cannot be read: {file.trouble}", "make it readable")
    # The bound may split a character.
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
        what = (
            "the front matter is not valid YAML; this Codex repairs it, and others drop the skill"
        )
        yield advice(path, what, "put values with `: ` in quotes, and those that begin with a sign")
    if skill.skill_file and b"\r\n" in skill.skill_file.data:
        yield advice(path, "it has Windows line endings", "save it with LF line endings")
    yield from naming_faults(skill.path, matter)
    yield from reference_faults(skill, matter)
