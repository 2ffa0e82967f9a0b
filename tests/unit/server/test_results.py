from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.server.results import CallResult, cut_to, failure


def test_a_success_has_no_is_error() -> None:
    assert CallResult("Hi.", "t").to_wire(strict=True) == {
        "content": [{"type": "text", "text": "Hi."}],
        "structuredContent": {"threadId": "t", "content": "Hi."},
    }


def test_a_failure_without_a_thread_has_nothing_structured() -> None:
    wire = failure("no").to_wire(strict=False)
    assert wire == {"content": [{"type": "text", "text": "no"}], "isError": True}


def test_what_was_added_is_left_out_when_strict() -> None:
    result = CallResult("Hi.", "t", meta={"durationMs": 5})
    assert result.to_wire(strict=False)["_meta"] == {"durationMs": 5}
    assert "_meta" not in result.to_wire(strict=True)


def test_an_output_stands_beside_the_text() -> None:
    wire = CallResult('{"a":1}', "t", output={"a": 1}).to_wire(strict=False)
    assert wire["structuredContent"]["output"] == {"a": 1}


@given(st.text(), st.integers(0, 20))
def test_a_cut_text_fits_and_begins_as_the_whole(text: str, max_bytes: int) -> None:
    result = CallResult(text, "t")
    cut = cut_to(result, max_bytes).content
    size = len(text.encode())
    if size <= max_bytes:
        assert cut == text
    else:
        kept, _, note = cut.rpartition("\n\n[cut: ")
        assert text.startswith(kept)
        assert len(kept.encode()) <= max_bytes
        assert note.startswith(f"{max_bytes} of {size} bytes")
        assert "thread t]" in note


def test_without_a_bound_nothing_is_cut() -> None:
    result = CallResult("a" * 1000)
    assert cut_to(result, None) is result
