from __future__ import annotations

from codexmcp.http.exchange import KEPT, Exchange, Requests
from codexmcp.http.tokens import Token


def test_requests_are_counted_and_the_last_of_them_listed_newest_first() -> None:
    requests = Requests()
    token = Token("ci", "0")
    for number in range(KEPT + 3):
        requests.note(Exchange("::1", "POST /mcp", token, f"t{number % 2}", 200), number, 0.5)
    assert requests.total == KEPT + 3
    assert requests.by_tool == {"t0": 52, "t1": 51}
    last = requests.last()
    assert len(last) == KEPT
    assert last[0] == {
        "at": KEPT + 2,
        "request": "POST /mcp",
        "status": 200,
        "ms": 500.0,
        "tool": "t0",
        "token": "ci",
    }


def test_who_looks_whether_the_server_is_well_is_only_counted() -> None:
    requests = Requests()
    requests.note(Exchange("::1", "GET /healthz", status=200), 0, 0)
    requests.note(Exchange("::1", "POST /mcp", status=401), 0, 0)
    assert requests.total == 2
    assert [each["status"] for each in requests.last()] == [401]


def test_a_tool_that_has_failed_is_marked() -> None:
    requests = Requests()
    requests.note(Exchange("::1", "POST /mcp", Token("a", "0"), "t", 200, failed=True), 0, 0)
    assert requests.last()[0]["failed"] is True
