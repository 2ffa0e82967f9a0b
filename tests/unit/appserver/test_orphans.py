from __future__ import annotations

import asyncio
import os

import pytest  # noqa: TC002 - a plugin reads these annotations

from codexmcp.appserver import orphans


async def test_a_process_is_reaped_only_when_it_is_seen_again_without_an_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 2 is a child of ours that was just forked: its owner is known a moment later.
    owners = iter([set[int](), {2}, {2}])
    reaped: list[int] = []
    done = asyncio.Event()

    def reap(pid: int, _options: int) -> tuple[int, int]:
        reaped.append(pid)
        done.set()
        return (pid, 0)

    monkeypatch.setattr(orphans, "REAP_INTERVAL_S", 0.001)
    monkeypatch.setattr(orphans, "_children", lambda: {1, 2, 3})
    monkeypatch.setattr(orphans, "live_children", lambda: next(owners, {2}))
    monkeypatch.setattr(os, "waitpid", reap)
    reaping = asyncio.create_task(orphans._reap_for_ever({1}))
    await asyncio.wait_for(done.wait(), 5)
    reaping.cancel()
    await asyncio.wait({reaping})
    assert set(reaped) == {3}
