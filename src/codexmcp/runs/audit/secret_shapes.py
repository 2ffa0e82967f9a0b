"""What well-known secrets look like.

Pure. A shape has a mark: text without the mark cannot hold it. Looking for a mark costs 0.5 ms a
megabyte, so that the patterns only run where they may find something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REDACTED = "[redacted]"
"""What stands in the place of a secret."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way a secret may look.

    Attributes:
        mark: What every text that holds one contains.
        pattern: The secret; what its group `keep` holds is no secret.
    """

    mark: str
    pattern: re.Pattern[str]

    def redact(self, text: str) -> str:
        """Return the text without secrets of this shape."""
        return self.pattern.sub(_without_secret, text) if self.mark in text else text


def _without_secret(match: re.Match[str]) -> str:
    return f"{match.groupdict().get('keep') or ''}{REDACTED}"


_KEY_BLOCK = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S]){0,20000}-----END [A-Z0-9 ]{0,40}-----"
    # The end is missing where a command printed the first lines only.
    r"|(?:(?:\s|\\+[nr])*[A-Za-z0-9+/=]{16,})+)"
)
# Quotes may be escaped, where a text holds JSON or another shell's words. A count is no secret.
_VALUE = (
    r"(?!\d{1,9}(?![^\s\"'\\,;&]))"
    r"(?:(?P<quote>\\*[\"'])(?:(?!(?P=quote))[^\n]){1,4000}(?P=quote)"
    r"|\\*[\"']?[^\s\"'\\&;,|<>()]+)"
)
_ASSIGNED = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "APIKEY", "_KEY")
_QUERIED = ("token", "key", "secret", "password", "sig")
_BEARER = r"(?:(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{8,}|[A-Za-z._~+/=-]{20,})"


def _shape(mark: str, pattern: str) -> Shape:
    return Shape(mark, re.compile(pattern))


def _word(mark: str, rest: str) -> Shape:
    return _shape(mark, f"(?<![A-Za-z0-9]){re.escape(mark)}{rest}")


SHAPES: tuple[Shape, ...] = (
    _shape("PRIVATE KEY", _KEY_BLOCK),
    _shape("://", r"(?P<keep>://[^\s/:@\"'<>\\]{0,256}:)[^\s/@\"'<>\\]{1,1024}(?=@)"),
    *(_shape(name, f"(?P<keep>{name}[A-Z0-9_]{{0,64}}=){_VALUE}") for name in _ASSIGNED),
    *(
        _shape(f"{name}=", rf"(?P<keep>[?&][A-Za-z0-9_.-]{{0,40}}{name}=)[^\s\"'\\&;#<>]+")
        for name in _QUERIED
    ),
    _shape("earer ", rf"(?P<keep>[Bb]earer +){_BEARER}"),
    _shape("EARER ", rf"(?P<keep>BEARER +){_BEARER}"),
    _shape("asic ", r"(?P<keep>uthorization\\*[\"']?: *\\*[\"']?[Bb]asic +)[A-Za-z0-9+/=_-]{8,}"),
    _word("sk-", r"[A-Za-z0-9_-]{16,}"),
    # One pattern that begins with letters is as fast as one mark; five marks are not.
    _shape("gh", r"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{20,}"),
    _word("github_pat_", r"[A-Za-z0-9_]{20,}"),
    _word("xox", r"[a-z]-[A-Za-z0-9-]{10,}"),
    *(_word(kind, r"[A-Z0-9]{16}(?![A-Z0-9])") for kind in ("AKIA", "ASIA")),
    _word("AIza", r"[A-Za-z0-9_-]{30,}"),
    _word("glpat-", r"[A-Za-z0-9_-]{16,}"),
    _word("agt_", r"[A-Za-z0-9_-]{40,}"),
    _word("npm_", r"[A-Za-z0-9]{30,}"),
    _word("pypi-", r"[A-Za-z0-9_-]{40,}"),
    _word("eyJ", r"[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
)
"""All shapes. Blocks and assignments come before the words that may lie within them.

Source: the prefixes are those that OpenAI, Anthropic, GitHub, Slack, AWS, Google, GitLab, npm and
PyPI document for their tokens, and `agt_` that of our own; JWT is RFC 7519. Which names count as a
secret's is our policy.
"""

SECRET_NAMES = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "clientsecret",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "bearertoken",
        "experimentalbearertoken",
        "authorization",
    }
)
"""Names of fields whose text is a secret, in lower case and without `-` and `_`."""
