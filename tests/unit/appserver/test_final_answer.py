from __future__ import annotations

from functools import reduce
from itertools import chain
from typing import Any

import pytest

from codexmcp.appserver.events import Event, parse_event
from codexmcp.appserver.final_answer import FinalAnswer, last_message_of
from tests.support.items import COMMAND, completed, message, started

TOOL = [started(COMMAND), completed(COMMAND)]


def said(text: str, phase: str | None = None) -> list[Event]:
    return [started(message("", phase)), completed(message(text, phase))]


def answer(*events: list[Event]) -> str:
    return reduce(FinalAnswer.after, chain.from_iterable(events), FinalAnswer()).text


def test_without_phases_the_answer_is_the_message_after_the_last_tool() -> None:
    assert answer(said("commentary"), TOOL, said("answer")) == "answer"
    assert answer(said("commentary"), TOOL) == ""


def test_a_command_that_ends_in_the_background_leaves_the_answer() -> None:
    assert answer(TOOL[:1], said("answer"), TOOL[1:]) == "answer"


def test_a_declared_answer_stays_whatever_follows_it() -> None:
    final = said("THE ANSWER", "final_answer")
    assert answer(final, TOOL) == "THE ANSWER"
    assert answer(final, TOOL, said("late", "commentary"), said("later")) == "THE ANSWER"
    assert answer(final, said("", "final_answer")) == "THE ANSWER"
    assert answer(final, said("ANOTHER", "final_answer")) == "ANOTHER"


def test_each_turn_has_an_answer_of_its_own() -> None:
    begun = parse_event("turn/started", {"turn": {"id": "u2"}})
    assert answer(said("first", "final_answer"), [begun]) == ""
    assert answer(said("first", "final_answer"), [begun], said("second")) == "second"


def test_commentary_alone_is_the_answer_as_it_is_without_phases() -> None:
    assert answer(said("hm", "commentary")) == "hm"
    assert answer(said("hm", "commentary"), TOOL) == ""


def test_a_refusal_is_an_empty_answer() -> None:
    assert answer([started(message(""))]) == ""


@pytest.mark.parametrize("phase", [None, "final_answer"])
def test_the_answer_of_a_recorded_turn_follows_the_same_rule(phase: str | None) -> None:
    items: list[dict[str, Any]] = [message("first", phase), COMMAND]
    assert last_message_of({"items": items}) == ("first" if phase else "")
