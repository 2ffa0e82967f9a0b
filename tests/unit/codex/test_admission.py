from __future__ import annotations

import asyncio

import pytest

from codexmcp.appserver.events import parse_event
from codexmcp.codex.admission import Admission

BOUND_S = 10.0
ITEM = parse_event("item/started", {"item": {"type": "userMessage", "id": "i"}})


async def free(admission: Admission) -> bool:
    """Return whether a slot is free, and take none."""
    waiting = asyncio.ensure_future(admission.enter())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if waiting.done():
        waiting.result().give_back()
        return True
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=BOUND_S)
    return False


async def test_only_so_many_enter_at_once() -> None:
    admission = Admission(at_once=2)
    tickets = [await admission.enter(), await admission.enter()]
    assert not await free(admission)
    tickets[0].give_back()
    assert await free(admission)


async def test_a_slot_is_given_back_at_the_first_item() -> None:
    admission = Admission(at_once=1)
    ticket = await admission.enter()
    ticket.on_event(parse_event("turn/started", {}))
    assert not await free(admission)
    ticket.on_event(ITEM)
    assert await free(admission)


async def test_a_slot_is_given_back_only_once() -> None:
    admission = Admission(at_once=1)
    ticket = await admission.enter()
    ticket.on_event(ITEM)
    ticket.on_event(ITEM)
    other = await admission.enter()
    assert not await free(admission)
    other.give_back()


async def test_a_block_that_fails_gives_its_slot_back() -> None:
    admission = Admission(at_once=1)
    ticket = await admission.enter()
    with pytest.raises(ValueError, match="broken"), ticket.held():
        raise ValueError("broken")
    assert await free(admission)


async def test_a_turn_waits_behind_those_that_wait_already_and_gives_its_slot_back() -> None:
    admission = Admission(at_once=1)
    done = list[str]()

    async def take_turn() -> None:
        async with admission.turn():
            done.append("turn")

    async def start() -> None:
        (await admission.enter()).give_back()
        done.append("start")

    ticket = await admission.enter()
    waiting = [asyncio.ensure_future(each) for each in (start(), take_turn(), start())]
    await asyncio.sleep(0)
    ticket.give_back()
    async with asyncio.timeout(BOUND_S):
        await asyncio.gather(*waiting)
    assert done == ["start", "turn", "start"]
    assert await free(admission)
