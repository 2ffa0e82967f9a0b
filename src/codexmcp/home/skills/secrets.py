"""Search for secrets in the files of a skill. Pure; the caller provides the patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Protocol

from codexmcp.home.skills.faults import Fault, broken
from codexmcp.home.skills.folder import SkillFolder

_SHORTEST = 8
# Placeholders: a variable, a call, a sign for "your own".
_STAND_IN = re.compile(r"[\\\"']*(?:[$<{%*(\[]|your|example|\.\.\.|x{3,})", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
# Words of four or more letters are rare in random text.
_WORD = re.compile(
    r"your|example|sample|placeholder|change|replace|insert|dummy|fake|demo|test|todo|here|redacted"
    r"|pass|secret|token|admin|root|user|local|xxxx|\.\.\.|…|\*\*\*|[<{]"
    # The prefix of the payload of https://jwt.io.
    r"|IxMjM0NTY3ODkw",
    re.IGNORECASE,
)
_RUN = 6
"""Sequences of successive characters, such as 123456, abcdef and 000000."""


class SecretMatcher(Protocol):
    """A pattern of secrets.

    Attributes:
        mark: A substring of every text with such a secret.
        pattern: The secret; the group `keep` is not part of the secret.
    """

    @property
    def mark(self) -> str:
        """A substring of every text with such a secret."""
        ...

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of the secret."""
        ...


def secret_faults(skill: SkillFolder, shapes: Iterable[SecretMatcher]) -> Iterator[Fault]:
    """Yield a fault for the first secret of every file, without its text.

    Args:
        skill: The skill.
        shapes: Patterns of secrets.
    """
    known = list(shapes)
    for file in skill.files.values():
        if b"\0" in file.data:
            continue
        line = _first_line(file.data.decode("utf-8", "replace"), known)
        if line is not None:
            what = "it contains a likely key, token or password"
            remedy = "remove it, make it invalid where it came from, and pass it in by a variable"
            yield broken(skill.path / file.path, what, remedy, line)


def _first_line(text: str, shapes: Iterable[SecretMatcher]) -> int | None:
    places = [
        found.start()
        for shape in shapes
        if shape.mark in text
        for found in shape.pattern.finditer(text)
        if _is_secret(found)
    ]
    return text.count("\n", 0, min(places)) + 1 if places else None


def _is_secret(found: re.Match[str]) -> bool:
    """Return False for variables, placeholders and plain words."""
    kept = found.groupdict().get("keep") or ""
    value = found[0].removeprefix(kept)
    after = found.string[found.end() : found.end() + 3]
    if _STAND_IN.match(value) or _WORD.search(value) or after in {"...", "***"} or "…" in after:
        return False
    if _has_run(value):
        return False
    # Plain words also follow a name such as TOKEN=; a random token contains digits.
    return not kept or (len(value.strip("\"'\\")) >= _SHORTEST and bool(_DIGIT.search(value)))


def _has_run(value: str) -> bool:
    """Return True if a text contains an artificial sequence of letters or digits."""
    same = rising = 1
    for first, second in pairwise(value.lower()):
        step = ord(second) - ord(first) if second.isalnum() else None
        same = same + 1 if step == 0 else 1
        rising = rising + 1 if step == 1 else 1
        if _RUN in {same, rising}:
            return True
    return False
