"""The listening socket of the HTTP server."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Generator

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.http.origins import is_loopback

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address of the server.

    Attributes:
        host: A name or number of this machine.
        port: The port; 0 for any free port.
        path: The path of MCP.
    """

    host: str = "127.0.0.1"
    port: int = 3000
    path: str = "/mcp"


def check_address(place: ListenAddress, *, allow_remote: bool) -> None:
    """Refuse addresses reachable from other machines, unless permitted.

    Raises:
        UsageError: The address is reachable without permission, or invalid.
    """
    plain = place.path.removeprefix("/")
    if not place.path.startswith("/") or not all(c.isalnum() or c in "-._~/" for c in plain):
        raise UsageError(f"--path {place.path!r} is not a path; it must look like /mcp")
    if place.path in {"/", "/healthz", "/readyz", "/status"}:
        raise UsageError(f"--path {place.path} is taken; name another, such as /mcp")
    if not is_loopback(place.host.lower()) and not allow_remote:
        raise UsageError(
            f"--host {place.host} could be reached from other machines, and what they send is not "
            "encrypted; leave it at 127.0.0.1, or add --allow-remote if a network you trust or a "
            "proxy with TLS is in front of it"
        )


@contextlib.contextmanager
def bound(place: ListenAddress) -> Generator[socket.socket, None, None]:
    """Listen while the block runs.

    Raises:
        ConfigurationError: The address is not available.
    """
    family, address = _address(place)
    # Source: asyncio sets TCP_NODELAY only for an explicit protocol number. Otherwise each answer
    # on a reused connection waits 40 ms for the client's acknowledgement.
    connection = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with connection:
        if sys.platform != "win32":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            connection.bind(address)
            connection.listen(BACKLOG)
        except (OSError, OverflowError) as error:
            raise _refused(place, error) from error
        connection.settimeout(0)
        yield connection


def url_of(connection: socket.socket, path: str) -> str:
    """Return the URL for clients on this machine."""
    host, port = connection.getsockname()[:2]
    number = ipaddress.ip_address(host)
    if number.is_unspecified:
        number = ipaddress.ip_address("127.0.0.1" if number.version == 4 else "::1")  # noqa: PLR2004 - IPv4
    shown = str(number) if number.version == 4 else f"[{number}]"  # noqa: PLR2004 - IPv4
    return f"http://{shown}:{port}{path}"


def is_local(connection: socket.socket) -> bool:
    """Return True if a socket is reachable from this machine only."""
    return is_loopback(str(connection.getsockname()[0]))


def _address(place: ListenAddress) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"--host {place.host} is not an address of this machine ({error}); use 127.0.0.1"
        ) from None
    # A name may have both versions; clients also try IPv4.
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), place.port)


def _refused(place: ListenAddress, error: OSError | OverflowError) -> ConfigurationError:
    where = f"{place.host}:{place.port}"
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return ConfigurationError(
            f"another program listens on {where} already; if it is a codexmcp server "
            "(see `codexmcp serve --status --http`), use it, else pass another port with --port"
        )
    if code == errno.EACCES:
        return ConfigurationError(
            f"this user may not listen on {where}; name a port above 1023 with --port"
        )
    reason = os.strerror(code) if code else str(error)
    return ConfigurationError(
        f"cannot listen on {where}: {reason}; name an address of this machine with --host"
    )
