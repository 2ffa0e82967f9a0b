from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from codexmcp.http.body import check_length, declared_bytes
from codexmcp.http.replies import RefusedError


def test_a_request_may_say_how_large_it_is() -> None:
    assert declared_bytes(Headers({"content-length": "5"}), 100) == 5
    assert declared_bytes(Headers({}), 100) == 100


def test_chunks_may_be_of_any_size_whatever_length_is_named() -> None:
    for more in ({}, {"content-length": "0"}):
        headers = Headers({"transfer-encoding": "chunked", **more})
        assert declared_bytes(headers, 100) == 100


def test_two_lengths_of_one_request_are_refused() -> None:
    check_length(Headers({"content-length": "5"}))
    check_length(Headers({"transfer-encoding": "chunked"}))
    with pytest.raises(RefusedError) as refused:
        check_length(Headers({"transfer-encoding": "chunked", "content-length": "0"}))
    assert refused.value.status == 400
