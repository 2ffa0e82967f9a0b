"""The connection to the endpoint: direct or through the user's proxy, in clear or by TLS."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from codexmcp.codex.forwarder.proxies import proxy_for
from codexmcp.codex.forwarder.socks import open_through_socks
from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError
from codexmcp.network import tls_context

CONNECT_TIMEOUT_S = 20.0
"""Bound on each step of a connection: TCP, the proxy's answer, TLS."""

SEND_TIMEOUT_S = 60.0
"""Bound on the endpoint's pause while receiving a request, in seconds."""

_PORTS = {"http": 80, "https": 443}
_SOCKS = ("socks5", "socks5h")
_PROXIES = ("http", "https", *_SOCKS)
_LONGEST_ANSWER = 65536


@dataclass(frozen=True, slots=True)
class Upstream:
    """An endpoint and the route there.

    Attributes:
        base_url: The endpoint, for example `https://host/v1`.
        proxy: The user's proxy. None: direct.
        tls: The TLS settings. None: no hop uses TLS.
    """

    base_url: str
    proxy: SplitResult | None
    tls: ssl.SSLContext | None

    @classmethod
    def at(cls, base_url: str, env: Mapping[str, str]) -> Upstream:
        """Return the endpoint of a URL, with proxy and certificates from the environment.

        Raises:
            ConfigurationError: The proxy or the certificates are unusable.
        """
        url = urlsplit(base_url)
        named = proxy_for(base_url, env)
        proxy = None if named is None else urlsplit(named)
        if proxy is not None and (proxy.scheme not in _PROXIES or not proxy.hostname):
            raise ConfigurationError(
                f"the proxy for {base_url} is not the URL of an HTTP or SOCKS5 proxy; set "
                "HTTPS_PROXY or HTTP_PROXY to a URL, for example http://host:3128"
            )
        both = [url.scheme, "" if proxy is None else proxy.scheme]
        if both == ["https", "https"]:
            raise ConfigurationError(
                "an https:// proxy cannot be used for an https endpoint; set HTTPS_PROXY to the "
                "proxy's http:// address"
            )
        return cls(base_url, proxy, tls_context(env) if "https" in both else None)

    @property
    def host(self) -> str:
        """The `Host` header."""
        return urlsplit(self.base_url).netloc

    @property
    def target(self) -> str:
        """The request target, in the form for the next hop."""
        return f"{self._prefix}/responses"

    @property
    def proxy_headers(self) -> list[tuple[bytes, bytes]]:
        """Request headers for the proxy."""
        return self._authorization if self._is_told_urls else []

    def connect(self) -> socket.socket:
        """Open a connection for requests.

        Raises:
            OSError: The connection failed, TLS failures included.
        """
        url = urlsplit(self.base_url)
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        connection = self._open(host, port)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if url.scheme == "https":
                connection = self._secured(connection, host)
        except BaseException:
            connection.close()
            raise
        connection.settimeout(SEND_TIMEOUT_S)
        return connection

    def explain(self, error: Exception) -> str:
        """Return a user's explanation of a failed connection."""
        through = "" if self.proxy is None else f" through the proxy {_address(self.proxy)}"
        advice = "check OPENAI_BASE_URL and the network"
        reason = str(error) or type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = f"its certificate is not trusted: {error.verify_message}"
            advice = "name the file of its issuer's certificate in CODEX_CA_CERTIFICATE"
        elif isinstance(error, TimeoutError):
            reason = f"no answer within {CONNECT_TIMEOUT_S:g} s"
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        return f"cannot reach {self.base_url}{through}: {reason}; {advice}"

    @property
    def _prefix(self) -> str:
        return self.base_url if self._is_told_urls else urlsplit(self.base_url).path

    @property
    def _is_told_urls(self) -> bool:
        """The next hop is a proxy with absolute URLs as targets."""
        proxied = self.proxy is not None and self.proxy.scheme not in _SOCKS
        return proxied and urlsplit(self.base_url).scheme == "http"

    @property
    def _authorization(self) -> list[tuple[bytes, bytes]]:
        if self.proxy is None or self.proxy.username is None:
            return []
        name, password = unquote(self.proxy.username), unquote(self.proxy.password or "")
        token = base64.b64encode(f"{name}:{password}".encode())
        return [(b"Proxy-Authorization", b"Basic " + token)]

    def _open(self, host: str, port: int) -> socket.socket:
        if self.proxy is None:
            return socket.create_connection((host, port), CONNECT_TIMEOUT_S)
        proxy_host = self.proxy.hostname or ""
        proxy_port = self.proxy.port or (1080 if self.proxy.scheme in _SOCKS else 80)
        connection = socket.create_connection((proxy_host, proxy_port), CONNECT_TIMEOUT_S)
        try:
            if self.proxy.scheme in _SOCKS:
                open_through_socks(connection, host, port, self.proxy)
            elif not self._is_told_urls:
                self._tunnel(connection, f"{f'[{host}]' if ':' in host else host}:{port}")
            elif self.proxy.scheme == "https":
                connection = self._secured(connection, proxy_host)
        except BaseException:
            connection.close()
            raise
        return connection

    def _secured(self, connection: socket.socket, host: str) -> socket.socket:
        assert self.tls is not None
        # An end without a TLS close must not look like the end of an answer.
        return self.tls.wrap_socket(connection, server_hostname=host, suppress_ragged_eofs=False)

    def _tunnel(self, connection: socket.socket, target: str) -> None:
        lines = [f"CONNECT {target} HTTP/1.1".encode(), b"Host: " + target.encode()]
        lines += [name + b": " + value for name, value in self._authorization]
        connection.sendall(b"\r\n".join([*lines, b"", b""]))
        answer = b""
        while b"\r\n\r\n" not in answer:
            # Byte by byte: the bytes after the head belong to TLS.
            byte = connection.recv(1)
            if not byte or len(answer) > _LONGEST_ANSWER:
                raise ConnectionError("the proxy closed the connection")
            answer += byte
        status = answer.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
        if not status.startswith("2"):
            raise ConnectionError(f"the proxy answers {status!r}")


def _address(proxy: SplitResult) -> str:
    return proxy.netloc.rpartition("@")[2]
