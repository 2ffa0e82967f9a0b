from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.replies import RefusedError
from codexmcp.http.structure import MAX_CONTAINERS, check_structure

BRACKETS = st.text(st.sampled_from('[{"\\a\n'), min_size=1, max_size=20)


@pytest.mark.parametrize("unit", ["[],", "{},", '{"a":[]},', "[[]],", '"[",[],'])
def test_very_many_arrays_and_objects_are_refused(unit: str) -> None:
    body = f"[{unit * MAX_CONTAINERS}1]".encode()
    json.loads(body)
    with pytest.raises(RefusedError) as refused:
        check_structure(body)
    assert refused.value.status == 413


@given(BRACKETS)
def test_a_text_may_hold_any_number_of_them(text: str) -> None:
    check_structure(json.dumps({"content": text * MAX_CONTAINERS, "more": [text]}).encode())


@given(BRACKETS)
def test_no_text_hides_what_stands_beside_it(text: str) -> None:
    many = [0] * MAX_CONTAINERS
    body = json.dumps({"content": text, "more": many, "last": text}).replace(" 0", "[]").encode()
    with pytest.raises(RefusedError):
        check_structure(body)


def test_the_bound_itself_may_be_reached() -> None:
    check_structure(b"[" * MAX_CONTAINERS)
    with pytest.raises(RefusedError):
        check_structure(b"[" * (MAX_CONTAINERS + 1))


@given(st.binary(max_size=60) | st.sampled_from([b'"', b'"\\', b'["[', b"\\"]))
def test_nonsense_breaks_nothing(body: bytes) -> None:
    check_structure(body)
