from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.runs.audit.prune import RetentionBounds, StoredRun, choose

RUNS = st.lists(
    st.builds(
        StoredRun, st.uuids().map(str), st.just(Path("/a")), st.floats(0, 100), st.integers(0, 50)
    ),
    unique_by=lambda run: run.run_id,
)
BOUNDS = st.none() | st.integers(0, 120)


def _runs(*ended_at: float) -> list[StoredRun]:
    return [StoredRun(f"r{at:g}", Path("/a"), at, 10) for at in ended_at]


def test_nothing_is_deleted_without_a_bound() -> None:
    assert choose(_runs(1, 2, 3), RetentionBounds(), now=1e9) == []


def test_the_oldest_go_first() -> None:
    runs = _runs(3, 1, 2)
    assert choose(runs, RetentionBounds(count=1), now=4) == _runs(1, 2)
    assert choose(runs, RetentionBounds(age_s=1.5), now=4) == _runs(1, 2)
    assert choose(runs, RetentionBounds(size_bytes=25), now=4) == _runs(1)


@given(RUNS, BOUNDS, BOUNDS, BOUNDS)
def test_what_is_left_is_within_every_bound(
    runs: list[StoredRun], age_s: int | None, count: int | None, size_bytes: int | None
) -> None:
    gone = choose(runs, RetentionBounds(age_s, count, size_bytes), now=100)
    left = [run for run in runs if run not in gone]
    assert age_s is None or all(100 - run.ended_at <= age_s for run in left)
    assert count is None or len(left) <= count
    assert size_bytes is None or sum(run.size_bytes for run in left) <= size_bytes
    assert not left or not gone or max(r.ended_at for r in gone) <= min(r.ended_at for r in left)
