"""Choice of the user's proxy for a URL. Pure."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from codexmcp.network import LOOPBACK


def proxy_for(url: str, env: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for a URL; None for a direct connection.

    Loopback is always direct.

    Args:
        url: An `http` or `https` URL.
        env: The environment.

    Source: the order of variables is Codex's (0.163.0), upper case first; the forms of exceptions
    are curl's: a name with subdomains, an address, a network, each with or without a port.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if is_loopback(host) or _is_excepted(host, parts.port, _first(env, "NO_PROXY") or ""):
        return None
    named = _first(env, f"{parts.scheme.upper()}_PROXY") or _first(env, "ALL_PROXY")
    return named if named is None or "://" in named else f"http://{named}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback interface."""
    address = _address(host)
    return host.lower() in LOOPBACK or (address is not None and address.is_loopback)


def _first(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name) or env.get(name.lower()) or None


def _is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    address = _address(host)
    for entry in filter(None, (each.strip() for each in exceptions.split(","))):
        if entry == "*":
            return True
        name, _, its_port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if its_port and its_port != str(port):
            continue
        name = name.strip("[]").removeprefix("*").removeprefix(".").lower()
        if address is not None:
            with contextlib.suppress(ValueError):
                if address in ipaddress.ip_network(name, strict=False):
                    return True
        elif host.lower() == name or host.lower().endswith(f".{name}"):
            return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host)
    return None
