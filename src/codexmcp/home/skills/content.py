"""Checks of a skill folder's contents: referenced files, scripts, links, sizes, encoding.

Pure: works on a folder in memory. Includes `agents/openai.yaml` (display settings).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import PurePosixPath

import yaml

from codexmcp.home.skills.faults import Fault, advice, broken
from codexmcp.home.skills.folder import MOST_FILES, SKILL_FILE, SkillFile, SkillFolder
from codexmcp.home.skills.front_matter import LARGEST, FrontMatter
from codexmcp.home.skills.references import Reference, ReferenceKind, references
from codexmcp.home.skills.yaml_repair import compose

LARGEST_TEXT_BYTES = 64 * 1024
"""Bound on a SKILL.md, our policy. Source: Codex puts the whole file into the prompt, regardless of
size (measured on 0.163.0 with 2.6 MB)."""

LARGEST_SKILL_BYTES = 16 * 1024 * 1024
"""Bound on all files of a skill, our policy: every image and every sync copies them."""

INTERFACE_FILE = PurePosixPath("agents/openai.yaml")

_SHELL_SUFFIXES = frozenset({".sh", ".bash", ".zsh", ".ksh"})
_SHEBANG = re.compile(rb"#![ \t]*/\S+")


def reference_faults(skill: SkillFolder, matter: FrontMatter) -> Iterator[Fault]:
    """Yield a fault for every missing file referenced by the skill's text."""
    known = {str(path) for path in skill.files} | {str(path) for path in skill.folders} | {"."}
    path = skill.path / SKILL_FILE
    for reference in references(matter.body, matter.body_line):
        if reference.path.startswith(("/", "..", "~")):
            what = f"it names {reference.path}, outside the skill's folder"
            yield advice(path, what, "copy the file into the skill", reference.line)
        elif reference.path not in known and not _is_behind_a_link(skill, reference):
            yield _missing(skill, reference)


def commands_run(matter: FrontMatter) -> frozenset[str]:
    """Return the skill's files executed directly by its text, not through an interpreter."""
    found = references(f"```sh\n{matter.smoke or ''}\n```\n{matter.body}", 1)
    return frozenset(each.path for each in found if each.place is ReferenceKind.PROGRAM)


def _missing(skill: SkillFolder, reference: Reference) -> Fault:
    path = skill.path / SKILL_FILE
    what = f"it names {reference.path}, a missing file"
    # Without such a folder the path is in the user's project.
    is_own = PurePosixPath(PurePosixPath(reference.path).parts[0]) in skill.folders
    if reference.place is ReferenceKind.PROSE or not (
        is_own or reference.place is ReferenceKind.LINK
    ):
        return advice(path, what, "add the file, unless it is only an example", reference.line)
    same = [str(each) for each in skill.files if str(each).lower() == reference.path.lower()]
    remedy = f"the file is called {same[0]}" if same else "add the file, or correct the path"
    return broken(path, what, remedy, reference.line)


def _is_behind_a_link(skill: SkillFolder, reference: Reference) -> bool:
    """Return True for a path through a linked folder; a bad link has a fault of its own."""
    parents = PurePosixPath(reference.path).parents
    return any(parent in skill.files and skill.files[parent].is_link for parent in parents)


def file_faults(skill: SkillFolder, run: Container[str] = ()) -> Iterator[Fault]:
    """Yield the faults of a skill's files, one by one and in total.

    Args:
        skill: The skill.
        run: The files executed directly by the skill's text.
    """
    for file in skill.files.values():
        yield from _entry_faults(skill, file)
        if file.data and not file.leaves:
            yield from _script_faults(skill, file, is_run=str(file.path) in run)
    text = skill.skill_file
    if text is not None and text.size_bytes > LARGEST_TEXT_BYTES:
        what = (
            f"it has {text.size_bytes} bytes, all part of every prompt with the "
            f"skill; {LARGEST_TEXT_BYTES} are allowed"
        )
        yield advice(skill.path / SKILL_FILE, what, "move the details into files beside it")
    yield from _sum_faults(skill)


def _sum_faults(skill: SkillFolder) -> Iterator[Fault]:
    size = sum(file.size_bytes for file in skill.files.values())
    if size > LARGEST_SKILL_BYTES:
        what = f"its files have {size} bytes; {LARGEST_SKILL_BYTES} are allowed"
        yield broken(skill.path, what, "remove unneeded files")
    if not skill.is_whole:
        what = f"it holds more than {MOST_FILES} files"
        yield broken(skill.path, what, "remove unneeded files")
    if skill.trouble is not None:
        yield broken(skill.path, f"cannot read all of it: {skill.trouble}", "make it readable")


def _entry_faults(skill: SkillFolder, file: SkillFile) -> Iterator[Fault]:
    path = skill.path / file.path
    if file.leaves:
        yield broken(path, "it is a link out of the skill", "copy its target")
    elif file.trouble is not None:
        what = "it is a broken link" if file.is_link else f"{file.trouble}"
        yield broken(path, what, "remove it" if file.is_link else "make it readable")
    elif not file.is_regular:
        yield broken(path, "it is not a regular file", "remove it")


def _script_faults(skill: SkillFolder, file: SkillFile, *, is_run: bool) -> Iterator[Fault]:
    path = skill.path / file.path
    first = file.data.split(b"\n", 1)[0]
    is_script = first.startswith(b"#!")
    is_shell = file.path.suffix.lower() in _SHELL_SUFFIXES
    if (is_shell or (is_script and is_run)) and b"\r\n" in file.data:
        what = "no shell can run its Windows line endings"
        line = file.data.count(b"\n", 0, file.data.index(b"\r\n")) + 1
        yield broken(path, what, "save it with LF line endings", line)
    # With an explicit interpreter neither a first line nor a mode is needed.
    elif is_run and is_script and not _SHEBANG.match(first):
        yield broken(path, "its first line names no absolute interpreter", "begin it with `#!/`", 1)
    elif is_run and not is_script and b"\0" not in file.data:
        what = "it has no interpreter line"
        yield broken(path, what, "begin it with a line such as `#!/usr/bin/env bash`", 1)
    if is_run and not file.is_executable:
        yield broken(path, "it is not executable", f"run `chmod +x {file.path}` in the skill")


def interface_faults(skill: SkillFolder) -> Iterator[Fault]:
    """Yield the faults of a skill's display settings.

    Source: Codex lists a skill without the unreadable parts, and without an error (measured on
    0.163.0).
    """
    file = skill.files.get(INTERFACE_FILE)
    if file is None or file.trouble is not None:
        return
    path = skill.path / INTERFACE_FILE
    if file.size_bytes > LARGEST:
        what = f"it has {file.size_bytes} bytes; {LARGEST} are allowed"
        yield broken(path, what, "say in it only how to show the skill")
        return
    try:
        root = compose(file.data.decode())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else int(mark.line) + 1
        yield broken(path, "it is not YAML in UTF-8, so Codex ignores it", "correct it", line)
        return
    if root is not None and not isinstance(root, yaml.MappingNode):
        yield broken(path, "it is not a list of fields, so Codex ignores it", "correct it", 1)
