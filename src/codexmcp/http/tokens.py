"""Scopes of tokens, and lookup of a request's token.

Pure. Guarantees: the lookup takes constant time, and no text here contains a token.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable

from codexmcp.data_classes import dataclass
from codexmcp.workspace.tool import Scope

ALL_SCOPES = frozenset(Scope)
OWNER = "owner"
"""The name of the owner's token, with all scopes."""

PREFIX = "agt_"
"""The prefix of our tokens, for recognition anywhere."""

_RANDOM_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token's metadata, without its secret.

    Attributes:
        name: The name.
        digest: The SHA-256 of the secret, in hexadecimal. With 256 random bits in the secret, a
            slow hash would add nothing.
        scopes: The scopes.
    """

    name: str
    digest: str
    scopes: frozenset[Scope] = ALL_SCOPES


def new_secret() -> str:
    """Return a new token."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(secret: str) -> str:
    """Return the stored hash of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_name(text: str) -> bool:
    """Return True for a valid token name."""
    return _NAME.fullmatch(text) is not None and text != OWNER


def bearer_of(header: str | None) -> str | None:
    """Return the token of an `Authorization` header, or None.

    Source: RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1).
    """
    scheme, _, secret = (header or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or not secret.isascii():
        return None
    return secret


def find(tokens: Iterable[Token], secret: str) -> Token | None:
    """Return the token with this secret, or None."""
    digest = digest_of(secret)
    found = None
    # Always to the end: the time must not reveal the position.
    for token in tokens:
        if hmac.compare_digest(token.digest, digest):
            found = token
    return found


def parse_scopes(words: Collection[str]) -> frozenset[Scope]:
    """Return scopes by name.

    Raises:
        ValueError: An unknown name, or no name at all.
    """
    if not words:
        raise ValueError("no scope is named")
    return frozenset(Scope(word) for word in words)
