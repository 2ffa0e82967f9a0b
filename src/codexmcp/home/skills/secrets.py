"""Looks for secrets in the files of a skill. Pure; what secrets look like, its caller says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from codexmcp.home.skills.faults import Fault, broken
from codexmcp.home.skills.folder import SkillFolder

_SHORTEST = 8
# What stands for a value: a variable, a call, a sign for "your own".
_STAND_IN = re.compile(r"[\\\"']*(?:[$<{%*(\[]|your|example|\.\.\.|x{3,})", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


class Shape(Protocol):
    """One way a secret may look.

    Attributes:
        mark: What every text that holds one contains.
        pattern: The secret; what its group `keep` holds is no part of it.
    """

    @property
    def mark(self) -> str:
        """What every text that holds one contains."""
        ...

    @property
    def pattern(self) -> re.Pattern[str]:
        """The secret."""
        ...


def secret_faults(skill: SkillFolder, shapes: Iterable[Shape]) -> Iterator[Fault]:
    """Yield a fault for the first secret of every file; its text is not told.

    Args:
        skill: The skill.
        shapes: What secrets look like.
    """
    known = list(shapes)
    for file in skill.files.values():
        if b"\0" in file.data:
            continue
        line = _first_line(file.data.decode("utf-8", "replace"), known)
        if line is not None:
            what = "it holds what looks like a key, a token or a password"
            remedy = "remove it, make it invalid where it came from, and pass it in by a variable"
            yield broken(skill.path / file.path, what, remedy, line)


def _first_line(text: str, shapes: Iterable[Shape]) -> int | None:
    places = [
        found.start()
        for shape in shapes
        if shape.mark in text
        for found in shape.pattern.finditer(text)
        if _is_secret(found)
    ]
    return text.count("\n", 0, min(places)) + 1 if places else None


def _is_secret(found: re.Match[str]) -> bool:
    """Return whether a match is no variable, no placeholder and no plain word."""
    kept = found.groupdict().get("keep") or ""
    value = found[0].removeprefix(kept)
    if _STAND_IN.match(value):
        return False
    # Behind a name such as TOKEN= plain words stand, too; a token of random letters has digits.
    return not kept or (len(value.strip("\"'\\")) >= _SHORTEST and bool(_DIGIT.search(value)))
