"""Find possible skills in a folder: every folder with an entry SKILL.md, at any depth.

Codex decides which of them are listed. Hidden folders are skipped, as in Codex, and links to
folders are followed once.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from codexmcp.data_classes import dataclass, field
from codexmcp.home.skills.faults import Fault, broken, dropped
from codexmcp.home.skills.folder import SKILL_FILE, entries

MOST_FOLDERS = 20_000
"""Bound on the folders searched. Codex stops after 2,000, breadth first."""


@dataclass(slots=True)
class FoundSkills:
    """The contents of a skills folder.

    Attributes:
        root: The folder.
        skills: Folders with an entry SKILL.md, parents first.
        faults: Folders and files that resemble skills.
    """

    root: Path
    skills: list[Path] = field(default_factory=list[Path])
    faults: list[Fault] = field(default_factory=list[Fault])


def find_skills(root: Path) -> FoundSkills:
    """Find the skills below a folder, or the folder's own skill.

    Args:
        root: A skills folder, or the folder of one skill.
    """
    found = FoundSkills(root)
    visited, holders, left = set[Path](), list[Path](), deque([root])
    while left:
        folder = left.popleft()
        # A link may lead to a folder seen before, or to a parent.
        place = folder.resolve()
        if place in visited:
            continue
        if len(visited) >= MOST_FOLDERS:
            what = f"there are more than {MOST_FOLDERS} folders in it; the rest was not checked"
            found.faults.append(broken(root, what, "move other files elsewhere"))
            break
        visited.add(place)
        for entry in entries(folder):
            if entry.name == SKILL_FILE:
                holders.append(place)
                found.skills.append(folder)
            elif entry.is_dir() and not entry.name.startswith("."):
                left.append(folder / entry.name)
    if root.resolve() not in holders:
        found.faults += [
            _without_skill(root / entry.name)
            for entry in entries(root)
            if not entry.name.startswith(".")
            and entry.is_dir()
            and not _holds(root / entry.name, holders)
        ]
    return found


def _holds(folder: Path, holders: list[Path]) -> bool:
    place = folder.resolve()
    return any(holder.is_relative_to(place) for holder in holders)


def _without_skill(folder: Path) -> Fault:
    near = [entry.name for entry in entries(folder) if entry.name.lower() == SKILL_FILE.lower()]
    if near:
        return dropped(
            folder / near[0], f"Codex looks for {SKILL_FILE}", f"rename it to {SKILL_FILE}"
        )
    return dropped(
        folder, f"there is no {SKILL_FILE} in it", f"write {SKILL_FILE}, or move it away"
    )
