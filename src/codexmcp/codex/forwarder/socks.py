"""Client side of SOCKS5. Source: RFC 1928 and RFC 1929."""

from __future__ import annotations

import socket
import struct
from urllib.parse import SplitResult, unquote

_VERSION, _NO_LOGIN, _PASSWORD = 5, 0, 2
_CONNECT, _BY_NAME = 1, 3
_ADDRESS_BYTES = {1: 4, 4: 16}
_REASONS = {
    1: "general failure",
    2: "forbidden by the proxy's rules",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
}


def open_through_socks(connection: socket.socket, host: str, port: int, proxy: SplitResult) -> None:
    """Ask a SOCKS5 proxy to connect to a host; the proxy resolves the name.

    Args:
        connection: The connection to the proxy.
        host: The host.
        port: The host's port.
        proxy: The proxy's URL, optionally with user name and password.

    Raises:
        OSError: The proxy refused or failed.
    """
    methods = bytes([_NO_LOGIN] if proxy.username is None else [_NO_LOGIN, _PASSWORD])
    connection.sendall(bytes([_VERSION, len(methods)]) + methods)
    chosen = _read(connection, 2)[1]
    if chosen == _PASSWORD and proxy.username is not None:
        login = [unquote(text).encode() for text in (proxy.username, proxy.password or "")]
        connection.sendall(b"\x01" + b"".join(bytes([len(each)]) + each for each in login))
        if _read(connection, 2)[1] != 0:
            raise ConnectionError("the SOCKS proxy refuses the password")
    elif chosen != _NO_LOGIN:
        raise ConnectionError("the SOCKS proxy requires another login method")
    name = host.encode("idna")
    asked = struct.pack("!BBBBB", _VERSION, _CONNECT, 0, _BY_NAME, len(name))
    connection.sendall(asked + name + struct.pack("!H", port))
    _, answer, _, kind = _read(connection, 4)
    if answer != 0:
        raise ConnectionError(
            f"refused by the SOCKS proxy: {_REASONS.get(answer, f'error {answer}')}"
        )
    length = _ADDRESS_BYTES.get(kind) or _read(connection, 1)[0]
    _read(connection, length + 2)


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("the SOCKS proxy closed the connection")
        data += more
    return data
