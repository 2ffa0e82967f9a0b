from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.rates import Buckets, Rate


def test_a_burst_is_let_through_and_then_so_many_a_second() -> None:
    buckets = Buckets(Rate(per_second=2, burst=3))
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", 0.5) == 0
    assert buckets.take("a", 0.5) == pytest.approx(0.5)


def test_one_that_asks_does_not_cost_another() -> None:
    buckets = Buckets(Rate(1, 1))
    assert (buckets.take("a", 0), buckets.take("b", 0), buckets.take("a", 0)) == (0, 0, 1)


def test_a_refusal_costs_nothing() -> None:
    buckets = Buckets(Rate(1, 1))
    buckets.take("a", 0)
    for _ in range(10):
        assert buckets.take("a", 0.5) == 0.5
    assert buckets.take("a", 1.0) == 0


def test_no_rate_is_no_bound() -> None:
    buckets = Buckets(Rate(0, 0))
    assert {buckets.take("a", 0) for _ in range(1000)} == {0}


def test_only_so_many_are_kept() -> None:
    buckets = Buckets(Rate(1, 1), keep=2)
    for who in ("a", "b", "c"):
        buckets.take(who, 0)
    # `a` was forgotten, and is full again; `c` is known.
    assert (buckets.take("c", 0), buckets.take("a", 0)) == (1, 0)


@given(
    st.lists(st.floats(min_value=0, max_value=2), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_never_more_pass_than_burst_and_rate_allow(
    pauses: list[float], rate: int, burst: int
) -> None:
    buckets, now, passed = Buckets(Rate(rate, burst)), 0.0, 0
    for pause in pauses:
        now += pause
        passed += buckets.take("a", now) == 0
    assert passed <= burst + rate * now + 1e-6
