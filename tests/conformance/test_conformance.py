"""Ours does what the removed server did, on every build, or what the table of differences says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conformance.builds import NEWEST, ORACLE, OURS, SAME, STRICT, Build
from tests.conformance.conftest import Recorder
from tests.conformance.diff import MISSING, Change, changes
from tests.conformance.differences import DIFFERENCES
from tests.conformance.lines import LINES, Line
from tests.conformance.normalise import Document, gist
from tests.conformance.page import page
from tests.conformance.questions import QUESTIONS, Question
from tests.conformance.rules import Difference, unexplained
from tests.conformance.scenario import Scenario
from tests.conformance.table import SCENARIOS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "differences.md"
ALL_OURS = (*OURS, STRICT)
PLAYED = {scenario.name: scenario for scenario in SCENARIOS}
SAID = frozenset(line.name for line in LINES)
ASKED = frozenset(question.name for question in QUESTIONS)


def _marks(build: Build) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.newest,) if build is NEWEST else ()


def _builds(scenario: Scenario) -> tuple[Build, ...]:
    return ALL_OURS if scenario.strict else OURS


def _on(builds: Iterable[Build]) -> pytest.MarkDecorator:
    each = [pytest.param(build, id=build.name, marks=_marks(build)) for build in builds]
    return pytest.mark.parametrize("build", each)


@pytest.mark.parametrize(
    ("scenario", "build"),
    [
        pytest.param(s, b, id=f"{s.name}-{b.name}", marks=_marks(b))
        for s in SCENARIOS
        for b in _builds(s)
    ],
)
def test_a_conversation_goes_as_it_went(
    scenario: Scenario, build: Build, recorder: Recorder
) -> None:
    strange = _strange(scenario.name, build, _found(scenario.name, build, recorder))
    if strange:
        # Some of what Codex does is chance under load; what is ours comes again.
        again = recorder.anew()
        strange = _strange(scenario.name, build, _found(scenario.name, build, again))
    _fail_for(strange)


@_on(ALL_OURS)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_question_is_answered_as_it_was(
    question: Question, build: Build, recorder: Recorder
) -> None:
    _fail_for(_strange(question.name, build, _found(question.name, build, recorder)))


@_on(ALL_OURS)
@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_line_leads_to_what_it_led_to(line: Line, build: Build, recorder: Recorder) -> None:
    _fail_for(_strange(line.name, build, _found(line.name, build, recorder)))


@_on(OURS)
@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.id)
def test_a_difference_that_is_listed_occurs(
    difference: Difference, build: Build, recorder: Recorder
) -> None:
    if build.name not in difference.builds:
        return
    found = [(name, c) for name in difference.seen_in for c in _found(name, build, recorder)]
    # What a later Codex sends to the model is compared in outline only.
    rules = [r for r in difference.rules if build is SAME or not r.path.startswith("requests")]
    unseen = [r for r in rules if not any(r.explains(name, change) for name, change in found)]
    assert unseen == []


@_on(ALL_OURS)
@pytest.mark.parametrize(
    ("name", "token"), [("progress token int", 5), ("progress token string", "five")]
)
def test_progress_is_told_from_the_start_and_rises(
    name: str, token: object, build: Build, recorder: Recorder
) -> None:
    told = recorder.scenario(PLAYED[name], build)["rest"]
    assert {message["method"] for message in told} == {"notifications/progress"}
    assert {message["params"]["progressToken"] for message in told} == {token}
    numbers = [message["params"]["progress"] for message in told]
    assert numbers == list(range(1, len(told) + 1))
    assert told[0]["params"]["message"] == "Codex is starting"


def test_the_documentation_lists_the_differences() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_difference_is_seen_in_what_exists() -> None:
    known = {*PLAYED, *SAID, *ASKED}
    assert [name for d in DIFFERENCES for name in d.seen_in if name not in known] == []


def test_names_are_used_once() -> None:
    names = [*(s.name for s in SCENARIOS), *(x.name for x in LINES), *(q.name for q in QUESTIONS)]
    names += [difference.id for difference in DIFFERENCES]
    assert len(names) == len(set(names))


def _found(name: str, build: Build, recorder: Recorder) -> list[Change]:
    native, ours = (_document(name, side, recorder) for side in (ORACLE, build))
    if build not in {SAME, STRICT} and name in PLAYED:
        # A later Codex words its requests to the model anew; that is not ours to keep.
        native, ours = gist(native), gist(ours)
    return list(changes(native, ours))


def _document(name: str, build: Build, recorder: Recorder) -> Document:
    if name in PLAYED:
        return recorder.scenario(PLAYED[name], build)
    said = recorder.consequences(build) if name in SAID else recorder.answers(build)
    document: Document = said.get(name, MISSING)
    return document


def _strange(name: str, build: Build, found: list[Change]) -> list[Change]:
    return list(unexplained(DIFFERENCES, name, build.name, found))


def _fail_for(strange: list[Change]) -> None:
    if strange:
        pytest.fail("\n".join(f"differs: {change}" for change in strange), pytrace=False)
