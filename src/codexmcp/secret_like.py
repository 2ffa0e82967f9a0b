"""Whether a setting looks like a secret, which is neither written down nor passed on.

Pure; what secrets look like in general, its caller says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

_NAMES = ("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTHORIZATION", "COOKIE")
_PASSWORD = re.compile(r"//[^\s/@:]*:[^\s@]*@")


class Shape(Protocol):
    """One way a secret may look."""

    @property
    def mark(self) -> str:
        """What every text that holds one contains."""
        ...

    @property
    def pattern(self) -> re.Pattern[str]:
        """The secret."""
        ...


def names_secret(name: str) -> bool:
    """Return whether a variable's or a header's name is one that secrets have."""
    return any(word in name.upper() for word in _NAMES)


def holds_password(value: str) -> bool:
    """Return whether a text holds a URL with a password; that may have slashes."""
    return _PASSWORD.search(value) is not None


def holds_secret(value: str, shapes: Iterable[Shape]) -> bool:
    """Return whether a text holds what looks like a secret."""
    return any(shape.mark in value and shape.pattern.search(value) for shape in shapes)
