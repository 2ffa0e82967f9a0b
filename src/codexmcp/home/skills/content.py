"""Checks of what a skill's folder holds: files that are named, scripts, links, sizes, encoding.

Pure: works on a folder that was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from codexmcp.home.skills.faults import Fault, advice, broken
from codexmcp.home.skills.folder import MOST_FILES, SKILL_FILE, SkillFile, SkillFolder
from codexmcp.home.skills.front_matter import FrontMatter
from codexmcp.home.skills.references import Place, Reference, references

LARGEST_TEXT_BYTES = 64 * 1024
"""Bound on a SKILL.md, our policy. Source: Codex puts the whole file into the prompt, however large
it is (measured on 0.163.0 with 2.6 MB)."""

LARGEST_SKILL_BYTES = 16 * 1024 * 1024
"""Bound on all files of a skill, our policy: it is copied with every image and every sync."""

_SHELL_SUFFIXES = frozenset({".sh", ".bash", ".zsh", ".ksh"})
_SHEBANG = re.compile(rb"#![ \t]*/\S+")


def reference_faults(skill: SkillFolder, matter: FrontMatter) -> Iterator[Fault]:
    """Yield a fault for every file that the skill's text names and that is not there."""
    known = {str(path) for path in skill.files} | {str(path) for path in skill.folders} | {"."}
    path = skill.path / SKILL_FILE
    for reference in references(matter.body, matter.body_line):
        if reference.path.startswith(("/", "..", "~")):
            what = f"it names {reference.path}, which lies outside the skill's folder"
            yield broken(path, what, "copy the file into the skill", reference.line)
        elif reference.path not in known and not _is_behind_a_link(skill, reference):
            yield _missing(skill, reference)


def _missing(skill: SkillFolder, reference: Reference) -> Fault:
    path = skill.path / SKILL_FILE
    what = f"it names {reference.path}, which is not there"
    if reference.place is Place.PROSE:
        return advice(path, what, "add the file, unless it is only an example", reference.line)
    same = [str(each) for each in skill.files if str(each).lower() == reference.path.lower()]
    remedy = f"the file is called {same[0]}" if same else "add the file, or correct the path"
    return broken(path, what, remedy, reference.line)


def _is_behind_a_link(skill: SkillFolder, reference: Reference) -> bool:
    """Return whether a linked folder is on the way, which has a fault of its own if it is bad."""
    parents = PurePosixPath(reference.path).parents
    return any(parent in skill.files and skill.files[parent].is_link for parent in parents)


def file_faults(skill: SkillFolder) -> Iterator[Fault]:
    """Yield what is wrong with the files of a skill, one by one and in sum."""
    for file in skill.files.values():
        yield from _entry_faults(skill, file)
        if file.data and not file.leaves:
            yield from _script_faults(skill, file)
    text = skill.skill_file
    if text is not None and text.size_bytes > LARGEST_TEXT_BYTES:
        what = (
            f"it has {text.size_bytes} bytes, all of which go into every prompt that names the "
            f"skill; {LARGEST_TEXT_BYTES} are allowed"
        )
        yield broken(skill.path / SKILL_FILE, what, "move the details into files beside it")
    yield from _sum_faults(skill)


def _sum_faults(skill: SkillFolder) -> Iterator[Fault]:
    size = sum(file.size_bytes for file in skill.files.values())
    if size > LARGEST_SKILL_BYTES:
        what = f"its files have {size} bytes; {LARGEST_SKILL_BYTES} are allowed"
        yield broken(skill.path, what, "remove what the skill does not need")
    if not skill.is_whole:
        what = f"it holds more than {MOST_FILES} files"
        yield broken(skill.path, what, "remove what the skill does not need")
    if skill.trouble is not None:
        yield broken(skill.path, f"cannot read all of it: {skill.trouble}", "make it readable")


def _entry_faults(skill: SkillFolder, file: SkillFile) -> Iterator[Fault]:
    path = skill.path / file.path
    if file.leaves:
        yield broken(path, "it is a link that leads out of the skill", "copy what it leads to")
    elif file.trouble is not None:
        what = "it is a link that leads nowhere" if file.is_link else f"{file.trouble}"
        yield broken(path, what, "remove it" if file.is_link else "make it readable")
    elif not file.is_regular:
        yield broken(path, "it is no regular file", "remove it")


def _script_faults(skill: SkillFolder, file: SkillFile) -> Iterator[Fault]:
    path = skill.path / file.path
    first = file.data.split(b"\n", 1)[0]
    is_script = first.startswith(b"#!")
    is_shell = file.path.suffix.lower() in _SHELL_SUFFIXES
    in_scripts = file.path.parts[0] == "scripts"
    if (is_script or is_shell) and b"\r\n" in file.data:
        what = "its lines end as on Windows, with which no shell can run it"
        yield broken(
            path, what, "save it with LF line ends", file.data.count(b"\n", 0, _cr(file)) + 1
        )
    elif is_script and not _SHEBANG.match(first):
        yield broken(path, "its first line names no absolute interpreter", "begin it with `#!/`", 1)
    elif in_scripts and not is_script and (is_shell or _is_bare_program(file)):
        what = "it does not say what runs it"
        yield broken(path, what, "begin it with a line such as `#!/usr/bin/env bash`", 1)
    if in_scripts and (is_script or is_shell) and not file.is_executable:
        yield broken(path, "it is not executable", f"run `chmod +x {file.path}` in the skill")


def _cr(file: SkillFile) -> int:
    return file.data.index(b"\r\n")


def _is_bare_program(file: SkillFile) -> bool:
    """Return whether a file is executable text: the system cannot tell what runs it."""
    return file.is_executable and b"\0" not in file.data
