from __future__ import annotations

import pytest

from codexmcp.codex.forwarder.proxies import proxy_for
from codexmcp.codex.forwarder.upstream import Upstream
from codexmcp.errors import ConfigurationError

SECURE, CLEAR = "https://api.example/v1", "http://api.example:8080/v1"


@pytest.mark.parametrize(
    ("url", "env", "proxy"),
    [
        (SECURE, {}, None),
        (SECURE, {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        (SECURE, {"https_proxy": "http://p:1"}, "http://p:1"),
        (SECURE, {"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, "http://p:1"),
        (SECURE, {"HTTP_PROXY": "http://p:1"}, None),
        (SECURE, {"ALL_PROXY": "socks5://p:1"}, "socks5://p:1"),
        (SECURE, {"HTTPS_PROXY": "", "all_proxy": "p:1"}, "http://p:1"),
        (CLEAR, {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        (CLEAR, {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_a_proxy_is_chosen_by_the_scheme(url: str, env: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, env) == proxy


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/v1", "https://localhost/v1", "http://[::1]:1/v1", "http://127.9.9.9"],
)
def test_loopback_is_reached_directly(url: str) -> None:
    assert proxy_for(url, {"ALL_PROXY": "http://p:1"}) is None


@pytest.mark.parametrize(
    ("url", "exceptions", "is_direct"),
    [
        (SECURE, "*", True),
        (SECURE, "api.example", True),
        (SECURE, "other, .example", True),
        (SECURE, "*.example", True),
        (SECURE, "EXAMPLE", True),
        (SECURE, "pi.example", False),
        (SECURE, "example.com", False),
        (CLEAR, "api.example:8080", True),
        (CLEAR, "api.example:80", False),
        ("http://10.1.2.3/v1", "10.0.0.0/8", True),
        ("http://10.1.2.3/v1", "10.1.2.3", True),
        ("http://10.1.2.3/v1", "192.168.0.0/16", False),
        ("http://[fd00::1]/v1", "fd00::/8", True),
        ("http://[fd00::1]/v1", "[fd00::1]", True),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_are_those_of_the_user(
    variable: str, url: str, exceptions: str, *, is_direct: bool
) -> None:
    env = {"ALL_PROXY": "http://p:1", variable: exceptions}
    assert (proxy_for(url, env) is None) == is_direct


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("ftp://p:1", "is not the URL of an HTTP or SOCKS5 proxy"),
        ("socks4://p:1", "is not the URL of an HTTP or SOCKS5 proxy"),
        ("https://p:1", "cannot be used for an https endpoint"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(proxy: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Upstream.at(SECURE, {"HTTPS_PROXY": proxy})
