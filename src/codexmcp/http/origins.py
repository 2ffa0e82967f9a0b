"""Accepted Host and Origin headers: protection of a local server from web pages.

Pure. A page with a DNS name rebound to this machine sends its own host; a page of another site
sends its own origin. IP addresses cannot be rebound.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from codexmcp.data_classes import dataclass, field

_LOCAL_NAME = "localhost"


@dataclass(frozen=True, slots=True)
class Origins:
    """Accepted hosts and origins.

    Attributes:
        is_local: The server is reachable from this machine only.
        hosts: Further hosts, in lower case, without a port.
        origins: Further origins, such as `https://tools.example`.
    """

    is_local: bool = True
    hosts: frozenset[str] = field(default_factory=frozenset[str])
    origins: frozenset[str] = field(default_factory=frozenset[str])

    def allows_host(self, header: str | None) -> bool:
        """Return True for an accepted Host header; any port is accepted because of forwarding."""
        host = host_of(header or "")
        if host is None:
            return False
        return host in self.hosts or is_loopback(host) or (not self.is_local and _is_number(host))

    def allows_origin(self, header: str | None) -> bool:
        """Return True for an accepted Origin header; only browsers send the header."""
        if header is None or header in self.origins:
            return True
        # Only a host and a port may follow: URL parsers differ on the end of the host.
        scheme, _, authority = header.partition("://")
        host = host_of(authority)
        return scheme.lower() in {"http", "https"} and host is not None and is_loopback(host)


def origins(
    *, is_local: bool, hosts: Collection[str] = (), allowed: Collection[str] = ()
) -> Origins:
    """Return the accepted hosts and origins.

    Args:
        is_local: The server is reachable from this machine only.
        hosts: Further hosts.
        allowed: Further origins.
    """
    return Origins(
        is_local,
        frozenset(host.lower().rstrip(".") for host in hosts),
        frozenset(origin.rstrip("/") for origin in allowed),
    )


def host_of(authority: str) -> str | None:
    """Return the host of `host:port` in lower case; None if invalid."""
    host, bracket, rest = authority.partition("]")
    if bracket:
        inside, port = host.removeprefix("["), rest.removeprefix(":")
        if not host.startswith("[") or (rest and not rest.startswith(":")):
            return None
        # The part after a % names an interface and may contain anything; no client sends it.
        is_plain = _is_port(port) and _is_number(inside) and "%" not in inside
        return inside.lower() if is_plain else None
    host, _, port = authority.partition(":")
    if not host or not _is_port(port):
        return None
    plain = host.lower().removesuffix(".")
    is_name = all(each.isalnum() or each in "-._" for each in plain) and plain.isascii()
    return plain if is_name and plain else None


def is_loopback(host: str) -> bool:
    """Return True for a host reachable from this machine only."""
    if host == _LOCAL_NAME:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdecimal() and len(text) <= len("65535"))
