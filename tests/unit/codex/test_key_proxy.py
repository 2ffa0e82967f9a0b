from __future__ import annotations

from codexmcp.codex.key_proxy import explained

BUSY = "We\u2019re currently experiencing high demand, which may cause temporary errors."
CAUSE = "forwarding error: refused"


def test_an_error_without_trouble_stays_as_it_is() -> None:
    assert explained(BUSY, "") == BUSY


def test_what_codex_takes_for_high_demand_is_told_as_what_it_is() -> None:
    told = explained(BUSY, CAUSE)
    assert told == f"{BUSY} In fact the endpoint could not be reached (the key proxy: {CAUSE})"


def test_trouble_beside_another_error_is_told_with_it() -> None:
    assert explained("cut off", CAUSE) == f"cut off (the key proxy: {CAUSE})"


def test_a_cause_that_the_error_has_is_not_told_twice() -> None:
    error = f"unexpected status 502 Bad Gateway: {CAUSE}, url: http://h/v1/responses"
    assert explained(error, CAUSE) == error
