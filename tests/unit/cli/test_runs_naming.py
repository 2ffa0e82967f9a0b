"""From what people type to the run, the question or the command that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.cli.runs import naming
from codexmcp.cli.runs.answering import Waiting, choose
from codexmcp.errors import RunNotFoundError, StateError
from codexmcp.runs.store import Owner
from codexmcp.supervisor.directory import RunDirectory
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import submission

IDS = ["20261121-112759-1a2b3c4d", "20261121-112801-5e6f7a8b", "20261122-090000-00ff00ff"]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[RunDirectory]:
    store = MemoryStore()
    for run_id in IDS:
        store.add(submission(run_id))
    with RunDirectory(tmp_path, lambda _: store) as directory:
        directory.store_path.touch()
        yield directory


def test_an_id_and_the_beginning_of_only_one_name_a_run(directory: RunDirectory) -> None:
    assert naming.find(directory, IDS[0]).id == IDS[0]
    assert naming.find(directory, "20261122").id == IDS[2]
    assert [run.id for run in naming.find_all(directory, ["20261122", IDS[2]])] == [IDS[2]]


def test_a_beginning_of_several_names_them(directory: RunDirectory) -> None:
    with pytest.raises(RunNotFoundError, match="several runs begin with '20261121-11'") as raised:
        naming.find(directory, "20261121-11")
    assert IDS[0] in str(raised.value)
    assert IDS[1] in str(raised.value)


@pytest.mark.parametrize("name", ["1a2b3c4d", "20261121-112759-1a2b3c4e", "112759"])
def test_an_unknown_id_names_those_that_are_near(directory: RunDirectory, name: str) -> None:
    with pytest.raises(RunNotFoundError, match=rf"{name}.*did you mean {IDS[0]}.*runs list --all"):
        naming.find(directory, name)


@pytest.mark.parametrize("name", ["", "../x", "%", "nothing like it"])
def test_what_is_like_no_id_is_just_unknown(directory: RunDirectory, name: str) -> None:
    with pytest.raises(RunNotFoundError, match="there is no run") as raised:
        naming.find(directory, name)
    assert "did you mean" not in str(raised.value)


def test_a_home_without_runs_says_how_to_start_one(tmp_path: Path) -> None:
    with (
        RunDirectory(tmp_path) as directory,
        pytest.raises(RunNotFoundError, match=r"has no runs; .* runs start"),
    ):
        naming.find(directory, "x")


def waiting(run_id: str, number: int) -> Waiting:
    return Waiting(f"{run_id}.{number}", run_id, "command", "run `x`", Owner("o", 1, "s", "g"))


def test_a_question_is_named_by_its_id_or_by_its_run() -> None:
    first, second, other = waiting("r1", 1), waiting("r1", 2), waiting("r2", 1)
    assert choose("r1.2", [first, second, other]) is second
    assert choose("r2", [first, second, other]) is other
    with pytest.raises(StateError, match=r"several open questions: r1\.1, r1\.2"):
        choose("r1", [first, second, other])
    with pytest.raises(StateError, match="no open question 'x'"):
        choose("x", [first])
    with pytest.raises(StateError, match="no open question ''"):
        choose("", [first])
