from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.replies import RefusedError
from codexmcp.http.slots import Slots
from codexmcp.http.tokens import OWNER, Token

OWN, ONE, TWO = (Token(name, "0") for name in (OWNER, "one", "two"))


def taken(slots: Slots, stack: contextlib.ExitStack, token: Token, size: int = 0) -> int:
    """Take as often as there is room, and return how often."""
    count = 0
    with contextlib.suppress(RefusedError):
        while True:
            stack.enter_context(slots.taken(token, size))
            count += 1
    return count


def test_the_owner_may_take_all_and_gives_it_back() -> None:
    slots = Slots(8, 100)
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            assert taken(slots, stack, OWN) == 8
            with pytest.raises(RefusedError, match="8 requests are worked on already") as refused:
                stack.enter_context(slots.taken(OWN, 0))
            assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "1")


def test_another_token_may_take_half() -> None:
    slots = Slots(8, 100)
    with contextlib.ExitStack() as stack:
        assert taken(slots, stack, ONE) == 4
        with pytest.raises(RefusedError, match="4 requests of the token one"):
            stack.enter_context(slots.taken(ONE, 0))
        assert taken(slots, stack, OWN) == 4


def test_another_token_may_hold_half_of_the_bytes() -> None:
    slots = Slots(100, 80)
    with contextlib.ExitStack() as stack:
        assert taken(slots, stack, ONE, 10) == 4
        assert taken(slots, stack, OWN, 10) == 4


def test_one_request_alone_may_be_of_any_size() -> None:
    for token in (OWN, ONE):
        slots = Slots(4, 10)
        with slots.taken(token, 1000), pytest.raises(RefusedError):
            slots.taken(OWN, 1).__enter__()
        assert taken(slots, contextlib.ExitStack(), OWN) == 4


@given(st.lists(st.sampled_from([ONE, TWO]), max_size=60), st.integers(0, 20))
def test_other_tokens_together_leave_room_for_the_owner(order: list[Token], size: int) -> None:
    slots = Slots(12, 120)
    with contextlib.ExitStack() as stack:
        for token in order:
            with contextlib.suppress(RefusedError):
                stack.enter_context(slots.taken(token, size))
        assert taken(slots, stack, OWN, size) >= 1
