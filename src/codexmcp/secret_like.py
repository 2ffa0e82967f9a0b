"""Detection of secrets in settings. Secrets are neither written down nor passed on.

Pure. The caller supplies the general shapes of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

WITHHELD_VARIABLE = "CODEXMCP_WITHHELD"
"""Further files, separated as in PATH, denied to the sandboxed commands of runs and to the tools
of the HTTP server. Key files are added automatically."""

_NAMES = (
    *("KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE"),
    *("CREDENTIAL", "AUTHORIZATION", "COOKIE"),
)
_ENDS = ("_PASS", "_PWD", "_PAT")
_PASSWORD = re.compile(r"//[^\s/@:]*:[^\s@]*@")


class SecretPattern(Protocol):
    """A pattern of secrets."""

    @property
    def mark(self) -> str:
        """A text contained in every match, for a cheap first check."""
        ...

    @property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression."""
        ...


def names_secret(name: str) -> bool:
    """Return whether the name of a variable or a header is typical of secrets."""
    upper = name.upper().replace("-", "_")
    return upper.endswith(_ENDS) or any(word in upper for word in _NAMES)


def holds_password(value: str) -> bool:
    """Return whether a text contains a URL with a password, slashes included."""
    return _PASSWORD.search(value) is not None


def holds_secret(value: str, shapes: Iterable[SecretPattern]) -> bool:
    """Return whether a text matches a pattern of secrets."""
    return any(shape.mark in value and shape.pattern.search(value) for shape in shapes)
