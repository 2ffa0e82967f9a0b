from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import StructureError
from codexmcp.jsonrpc import structure
from codexmcp.jsonrpc.structure import Bounds, check

PARTS = 50_000
BOUNDS = Bounds(64 * 1024 * 1024, parts=PARTS)
SIGNS = st.text(st.sampled_from('[{"\\,:a\n'), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"{%s}" % b",".join(b'"k%d":1' % i for i in range(PARTS)), "parts", id="keys"),
        pytest.param(b"[" + b"1," * PARTS + b"1]", "separators", id="entries"),
        pytest.param(b"[" + b"[]," * PARTS + b"1]", "separators", id="arrays"),
        pytest.param(b"[" + b"{}," * PARTS + b"1]", "separators", id="objects"),
        pytest.param(b"[" + b'"",' * PARTS + b'""]', "separators", id="empty texts"),
        pytest.param(b"[" * 251 + b"]" * 251, "250 levels", id="depth"),
        pytest.param(b'{"a":' * 251 + b"1" + b"}" * 251, "250 levels", id="depth of objects"),
        pytest.param(b"[" * 40_000, "250 levels", id="depth without end"),
        pytest.param(b"[" + b"%s," % (b"1" * 4000) * 300 + b"1]", "bytes outside", id="digits"),
        pytest.param(b"[1" + b" " * 1_100_000 + b"]", "bytes outside", id="blanks"),
        pytest.param(b'"' + rb"\n" * 5_000_001 + b'"', "escapes", id="escapes"),
        pytest.param(b'"' + b"a" * 64 * 1024 * 1024 + b'"', "larger than", id="size"),
    ],
)
def test_each_dimension_has_a_bound(body: bytes, reason: str) -> None:
    with pytest.raises(StructureError, match=reason.replace("parts", "25,000 keys")):
        check(body, BOUNDS)


@given(SIGNS)
def test_a_text_may_hold_any_number_of_signs(text: str) -> None:
    check(json.dumps({"content": text * PARTS, "more": [text]}).encode(), BOUNDS)


@given(SIGNS)
def test_no_text_hides_the_values_beside_it(text: str) -> None:
    many = [0] * PARTS
    body = json.dumps({"content": text, "more": many, "last": text}).replace(" 0", "[]").encode()
    with pytest.raises(StructureError):
        check(body, BOUNDS)


@given(st.lists(st.sampled_from(["a", "\\\\", '\\"', "\\n", "é"]), min_size=1), st.integers(1, 9))
def test_the_end_of_a_step_splits_no_escape(pieces: list[str], step_bytes: int) -> None:
    text = "".join(pieces).encode()
    bounds = Bounds(1_000_000, parts=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure, "_CHUNK_BYTES", step_bytes)
        patch.setattr(structure, "_SMALL_BYTES", 0)
        check(b'["%s",["%s",","]]' % (text, text), bounds)
        with pytest.raises(StructureError):
            check(b'["%s",["%s",["%s",1]]]' % (text, text, text), bounds)


def test_the_bound_itself_may_be_reached() -> None:
    check(b"[" + b"0," * (PARTS - 1) + b"0]", BOUNDS)
    with pytest.raises(StructureError):
        check(b"[" + b"0," * PARTS + b"0]", BOUNDS)


@given(st.binary(max_size=60) | st.sampled_from([b'"', b'"\\', b'["[', b"\\"]))
def test_nonsense_breaks_nothing(body: bytes) -> None:
    check(body, BOUNDS)
