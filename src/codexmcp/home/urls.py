"""The URLs that settings may hold. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from codexmcp.errors import UsageError


def check_url(option: str, value: str) -> str:
    """Return a URL that may be written into a file.

    Args:
        option: Where it was given, for the error.
        value: The URL.

    Raises:
        UsageError: It is none of HTTP, or holds a user name or a password.
    """
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{option} {value!r} is no URL; it must look like https://host/v1")
    if "@" in parts.netloc:
        raise UsageError(
            f"{option} holds a user name or a password, which would lie in a file; take it out, "
            "and name a variable that holds the key"
        )
    return value


def _split(value: str) -> SplitResult | None:
    if not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for what is no number
    except ValueError:
        return None
    return parts
