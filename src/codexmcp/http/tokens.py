"""What a token is good for, and finding the one that a request brings.

Pure. Promises: to find a token takes the same time whichever it is, and no text here holds one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from codexmcp.workspace.tool import Scope

ALL_SCOPES = frozenset(Scope)
OWNER = "owner"
"""The name of the token that is good for everything."""

PREFIX = "agt_"
"""How our tokens begin, so that one is known for what it is wherever it turns up."""

_RANDOM_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without the token itself.

    Attributes:
        name: What people call it.
        digest: SHA-256 of it, as hexadecimal digits. It has 256 random bits, so a slow hash would
            add nothing.
        scopes: What it is good for.
    """

    name: str
    digest: str
    scopes: frozenset[Scope] = ALL_SCOPES


def new_secret() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(secret: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Return whether a token may be called so."""
    return _NAME.fullmatch(text) is not None and text != OWNER


def bearer_of(header: str | None) -> str | None:
    """Return the token of an `Authorization` header; None when it holds none.

    Source: RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
    """
    scheme, _, secret = (header or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or not secret.isascii():
        return None
    return secret


def find(tokens: Iterable[Token], secret: str) -> Token | None:
    """Return the token that a secret is; None when it is none of them."""
    digest = digest_of(secret)
    found = None
    # To the end in any case: how long it takes must not tell where it was found.
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found


def parse_scopes(words: Collection[str]) -> frozenset[Scope]:
    """Return scopes by their names.

    Raises:
        ValueError: There is none of that name, or no name at all.
    """
    if not words:
        raise ValueError("no scope is named")
    return frozenset(Scope(word) for word in words)
