from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.origins import Origins, host_of, is_loopback, origins

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is under test
LOCAL = origins(is_local=True)
REMOTE = origins(is_local=False, hosts=["tools.example"])


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:3000", "localhost"),
        ("localhost.", "localhost"),
        ("127.0.0.1:3000", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:3000", "::1"),
        ("a-b_c.example:1", "a-b_c.example"),
        ("", None),
        (":80", None),
        (".", None),
        ("[::1", None),
        ("::1", None),
        ("[localhost]", None),
        ("[::1]x", None),
        ("localhost:x", None),
        ("localhost:123456", None),
        ("user@localhost", None),
        ("local host", None),
        ("localhost/x", None),
        ("l\u043ecalhost", None),
    ],
)
def test_a_host_is_read_off_what_a_client_names(authority: str, host: str | None) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [EVERYWHERE, "10.0.0.1", "::", "localhost.evil.example", ""])
def test_what_others_can_reach_is_not_this_machine_alone(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("header", "local", "remote"),
    [
        ("localhost:1", True, True),
        ("10.0.0.1:3000", False, True),
        ("[fd00::1]:3000", False, True),
        ("tools.example", False, True),
        ("TOOLS.example.:80", False, True),
        ("evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        (None, False, False),
    ],
)
def test_a_host_is_allowed_by_how_the_server_can_be_reached(
    header: str | None, *, local: bool, remote: bool
) -> None:
    assert (LOCAL.allows_host(header), REMOTE.allows_host(header)) == (local, remote)


@pytest.mark.parametrize(
    "header",
    [None, "http://localhost", "http://localhost:8080", "https://127.0.0.1", "http://[::1]:1"],
)
def test_programs_and_pages_of_this_machine_are_let_in(header: str | None) -> None:
    assert LOCAL.allows_origin(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "null",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://localhost/x",
        "http://localhost/",
        "http://localhost?x",
        "http://localhost?",
        "http://localhost#@evil.example",
        "http://localhost#",
        "http://user@localhost",
        "http://localhost:80@evil.example",
        "http://[::1]#x",
        "http://[::1%#@evil.example]",
        "http:localhost",
        " http://localhost",
        "http://localhost\n",
        "http://local\nhost",
        "file://localhost",
        "ftp://localhost",
        "localhost",
        "http://[",
        "http://10.0.0.1",
    ],
)
def test_any_other_page_is_not(header: str) -> None:
    assert not LOCAL.allows_origin(header)
    assert not REMOTE.allows_origin(header)


def test_a_page_that_was_named_is_let_in_just_so() -> None:
    named = origins(is_local=True, allowed=["https://page.example/"])
    assert named.allows_origin("https://page.example")
    assert not named.allows_origin("https://page.example:8443")
    assert not named.allows_origin("http://page.example")


@given(st.text(max_size=40))
def test_no_text_is_too_odd_to_be_judged(text: str) -> None:
    for each in (LOCAL, REMOTE, Origins()):
        assert each.allows_host(text) in {True, False}
        assert each.allows_origin(text) in {True, False}
