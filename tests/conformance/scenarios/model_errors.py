"""Section 1.3: errors of the model."""

from __future__ import annotations

from collections.abc import Iterable

from codexmcp.testing import Cut, Failed, HTTPError, Nonsense, Text
from tests.conformance.scenario import EVENTS, HELLO, REQUESTS, Scenario, one_call, says
from tests.conformance.steps import Response, codex, reply


def model_errors() -> Iterable[Scenario]:
    """Yield the scenarios."""
    hello = Text("Hello.")
    for status in (400, 401, 402, 403, 404, 409, 422, 500, 502, 503):
        error = HTTPError(status, "It is refused.")
        yield one_call(f"model answers {status}", error, error, error)
    limit = HTTPError(429, "Slow down.", type="rate_limit_error", code="rate_limit_exceeded")
    yield one_call("model answers 429", limit, limit, limit)
    usage = HTTPError(
        429,
        body={
            "error": {
                "type": "usage_limit_reached",
                "message": "m",
                "plan_type": "pro",
                "resets_at": 4102444800,
            }
        },
    )
    yield one_call("model answers usage_limit_reached", usage)
    no_plan = HTTPError(429, body={"error": {"type": "usage_not_included", "message": "m"}})
    yield one_call("model answers usage_not_included", no_plan)
    page = HTTPError(502, body=b"<html>Bad Gateway</html>", headers={"content-type": "text/html"})
    yield one_call("model answers with a page", page, page)
    yield one_call("stream is cut", Cut(2), Cut(2))
    yield one_call("stream is cut, then works", Cut(2), hello)
    yield one_call("model answers 500, then works", HTTPError(500), hello)
    yield one_call("model answers nonsense", Nonsense(), Nonsense())
    yield one_call("model streams nonsense", Nonsense(as_events=True), Nonsense(as_events=True))
    for code in (
        "rate_limit_exceeded",
        "context_length_exceeded",
        "insufficient_quota",
        "server_is_overloaded",
        "invalid_prompt",
        "usage_not_included",
        "strange_code",
    ):
        failed = Failed(code, "It failed. Please try again in 0.01s.")
        yield one_call(f"response.failed {code}", failed, failed)
    steps = (*HELLO, codex(1), Response(1), reply(2, 1), Response(2))
    yield Scenario("reply after an error", says(HTTPError(400), hello), steps, EVENTS | REQUESTS)
    steps = (*HELLO, codex(1), Response(1), reply(2, 1), Response(2), reply(3, 1), Response(3))
    yield Scenario("error between two turns", says(hello, HTTPError(400), hello), steps, EVENTS)
