"""Network settings of all processes: proxies, loopback and trusted certificates.

Promises: connections between own processes bypass the user's proxy; all other connections follow
the user's settings. Every start of a child and every HTTP client uses this module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from codexmcp.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

LOOPBACK = ("127.0.0.1", "localhost", "::1")

PROXY_VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy"),
)

CA_VARIABLES = ("CODEX_CA_CERTIFICATE", "SSL_CERT_FILE")
"""Path of a PEM file with certificates to trust in addition to the system's; the first variable
counts. Source: the order in Codex 0.163.0."""

DIRECT_MOUNTS: Mapping[str, None] = {
    "all://127.0.0.1": None,
    "all://localhost": None,
    "all://[::1]": None,
}
"""`mounts` for an httpx2 client; without this setting, the environment's proxies apply to
loopback."""


def direct_to_loopback(env: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of an environment with no proxy for loopback.

    The user's exceptions stay, under both spellings: Codex reads `NO_PROXY` first, Python and curl
    read `no_proxy` first. Source: Codex applies `*` to names and not to addresses (0.163.0); Python
    applies it only as the whole value.
    """
    # macOS has proxies in the system settings, too. Without any proxy, no change is needed.
    if sys.platform != "darwin" and not any(env.get(name) for name in PROXY_VARIABLES):
        return dict(env)
    upper, lower = env.get("NO_PROXY", ""), env.get("no_proxy", "")
    for_python = lower or upper
    if for_python.strip() != "*":
        for_python = _with_loopback(for_python)
    return {**env, "NO_PROXY": _with_loopback(upper or lower), "no_proxy": for_python}


def _with_loopback(exceptions: str) -> str:
    named = [entry.strip() for entry in exceptions.split(",")]
    return ",".join([*filter(None, named), *(host for host in LOOPBACK if host not in named)])


def tls_context(env: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return a client's TLS settings, with the certificates of the system and of the user.

    Raises:
        ConfigurationError: The user's certificate file is unusable.
    """
    import ssl  # noqa: PLC0415 - 15 ms, and most commands make no TLS connection

    context = _system_context()
    name = next((name for name in CA_VARIABLES if env.get(name)), None)
    if name is not None:
        try:
            context.load_verify_locations(cafile=env[name])
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"cannot read certificates from {name} {env[name]}: {error.strerror or error}; "
                "name a PEM file readable by this user"
            ) from error
    return context


def _system_context() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - see `tls_context`

    if sys.platform == "darwin":
        # Certificates installed by an administrator are only in the keychain.
        import truststore  # noqa: PLC0415 - comes with httpx2

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context()
