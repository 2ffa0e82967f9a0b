from __future__ import annotations

from codexmcp.home.key_proxy import explained

BUSY = "We\u2019re currently experiencing high demand, which may cause temporary errors."
TROUBLE = "forwarding error: refused"


def test_an_error_without_trouble_stays_as_it_is() -> None:
    assert explained(BUSY, "") == BUSY


def test_what_codex_takes_for_high_demand_is_told_as_what_it_is() -> None:
    told = explained(BUSY, TROUBLE, "http://h/v1")
    assert told == f"{BUSY} In fact http://h/v1 could not be reached (the key proxy: {TROUBLE})"


def test_trouble_beside_another_error_is_told_with_it() -> None:
    assert explained("cut off", TROUBLE) == f"cut off (the key proxy: {TROUBLE})"
