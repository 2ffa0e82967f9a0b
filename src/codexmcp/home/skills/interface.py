"""Checks of a skill's `agents/openai.yaml`, which says how programs show it. Pure.

Source: Codex lists a skill without what it cannot read there, and says nothing (measured on
0.163.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from codexmcp.home.skills.faults import Fault, broken
from codexmcp.home.skills.folder import SkillFolder
from codexmcp.home.skills.front_matter import LARGEST
from codexmcp.home.skills.yaml_repair import compose

INTERFACE_FILE = PurePosixPath("agents/openai.yaml")


def interface_faults(skill: SkillFolder) -> Iterator[Fault]:
    """Yield what is wrong with how a skill says that it is to be shown."""
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
        yield broken(path, "it is no YAML in UTF-8, so Codex ignores it", "correct it", line)
        return
    if root is not None and not isinstance(root, yaml.MappingNode):
        yield broken(path, "it is no list of fields, so Codex ignores it", "correct it", 1)
