from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.runs.groups import conversations_of, group_id

hexadecimal = st.text("0123456789abcdef", min_size=1)


@given(hexadecimal, hexadecimal)
def test_a_group_tells_where_its_conversations_lie(digest: str, conversations: str) -> None:
    assert conversations_of(group_id(digest, conversations)) == conversations


@given(hexadecimal)
def test_the_conversations_of_any_other_group_lie_in_the_codex_home(digest: str) -> None:
    assert group_id(digest) == digest
    assert conversations_of(digest) == ""
