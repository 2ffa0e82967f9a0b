"""Checks of URLs in settings. Pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from codexmcp.errors import UsageError


def check_url(option: str, value: str) -> str:
    """Return a URL if suitable for a file.

    Args:
        option: The option with the URL, for the error.
        value: The URL.

    Raises:
        UsageError: Not an HTTP URL, or a URL with a user name or password.
    """
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{option} {value!r} is not a URL; it must look like https://host/v1")
    if "@" in parts.netloc:
        raise UsageError(
            f"{option} holds a user name or a password; every program can read the file: remove "
            "them, and name the key's variable"
        )
    return value


def _split(value: str) -> SplitResult | None:
    if not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return None
    return parts
