"""Finds the skills of a folder, as Codex does.

Source: measured on Codex 0.153.4 and 0.163.0. Every folder down to six levels that holds a regular
file SKILL.md is a skill; hidden folders are passed over, and links to folders are followed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.home.skills.faults import Fault, broken, dropped
from codexmcp.home.skills.folder import SKILL_FILE, entries

DEEPEST = 6
"""Levels of folders below a skills folder that Codex looks into."""

MOST_FOLDERS = 2000
"""Folders below a skills folder that Codex looks into.

Source: MAX_SKILLS_DIRS_PER_ROOT of its loader.
"""


@dataclass(slots=True)
class Found:
    """What a skills folder holds.

    Attributes:
        root: The folder.
        skills: Folders of skills.
        faults: Folders and files that look like skills, and that Codex passes over.
    """

    root: Path
    skills: list[Path] = field(default_factory=list[Path])
    faults: list[Fault] = field(default_factory=list[Fault])
    _visited: set[Path] = field(default_factory=set[Path])
    _holders: list[Path] = field(default_factory=list[Path])

    def look_into(self, folder: Path, depth: int = 0) -> None:
        """Collect the skills of a folder and of those below it."""
        # A link may lead to what was seen already, or back to where it is.
        place = folder.resolve()
        if place in self._visited or len(self._visited) >= MOST_FOLDERS:
            return
        self._visited.add(place)
        folders = list[Path]()
        for entry in entries(folder):
            path = folder / entry.name
            if entry.name == SKILL_FILE:
                self._holders.append(place)
                if entry.is_file(follow_symlinks=False) and depth <= DEEPEST:
                    self.skills.append(folder)
                else:
                    self.faults.append(_passed_over(path, depth, is_link=entry.is_symlink()))
            elif entry.is_dir() and not entry.name.startswith("."):
                folders.append(path)
        # One level deeper than Codex, to tell of what it passes over.
        for path in folders if depth <= DEEPEST else ():
            self.look_into(path, depth + 1)

    def look_back(self) -> None:
        """Tell of what must have been meant as a skill and is none."""
        if len(self._visited) >= MOST_FOLDERS:
            what = f"there are more than {MOST_FOLDERS} folders in it, where Codex stops looking"
            self.faults.append(broken(self.root, what, "move what is no skill elsewhere"))
        elif self.root.resolve() not in self._holders:
            for entry in entries(self.root):
                path = self.root / entry.name
                if not entry.name.startswith(".") and entry.is_dir() and not self._holds(path):
                    self.faults.append(_without_skill(path))

    def _holds(self, folder: Path) -> bool:
        place = folder.resolve()
        return any(holder.is_relative_to(place) for holder in self._holders)


def find_skills(root: Path) -> Found:
    """Find the skills below a folder, or the one that the folder itself is.

    Args:
        root: A skills folder, or the folder of one skill.
    """
    found = Found(root)
    found.look_into(root)
    found.look_back()
    return found


def _without_skill(folder: Path) -> Fault:
    near = [entry.name for entry in entries(folder) if entry.name.lower() == SKILL_FILE.lower()]
    if near:
        return dropped(
            folder / near[0], f"Codex looks for {SKILL_FILE}", f"rename it to {SKILL_FILE}"
        )
    return dropped(
        folder, f"there is no {SKILL_FILE} in it", f"write {SKILL_FILE}, or move it away"
    )


def _passed_over(path: Path, depth: int, *, is_link: bool) -> Fault:
    if depth > DEEPEST:
        what = f"it lies more than {DEEPEST} folders deep, where Codex does not look"
        return dropped(path, what, "move it up")
    if is_link:
        return dropped(path, "it is a link, which Codex passes over", "copy the file here")
    return dropped(path, "it is no file", "remove it, and write the skill into a file")
