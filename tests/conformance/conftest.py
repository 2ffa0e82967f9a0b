"""The documents under comparison, each made once for all workers of a test run."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.builds import Build
from tests.conformance.client import NoAnswerError
from tests.conformance.lines import LINES
from tests.conformance.normalise import Document
from tests.conformance.questions import QUESTIONS
from tests.conformance.scenario import Scenario
from tests.conformance.stage import ask, perform, say


@dataclass(frozen=True, slots=True)
class Recorder:
    """Runs a scenario against a build at most once, however many workers and tests want it."""

    folder: Path

    def anew(self) -> Recorder:
        """Return a recorder that runs everything once more, for itself alone."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        return Recorder(folder)

    def scenario(self, scenario: Scenario, build: Build) -> Document:
        """Return the document of a scenario."""
        return self._once(f"{build.name} {scenario.name}", lambda: perform(scenario, build))

    def answers(self, build: Build) -> Document:
        """Return the answers to all questions."""
        return self._once(f"{build.name} questions", lambda: ask(QUESTIONS, build))

    def consequences(self, build: Build) -> Document:
        """Return what all lines have led to."""
        return self._once(f"{build.name} lines", lambda: say(LINES, build))

    def _once(self, name: str, make: Callable[[], Coroutine[Any, Any, Document]]) -> Document:
        path = self.folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                try:
                    made: dict[str, Any] = {"document": asyncio.run(make())}
                except NoAnswerError as error:
                    made = {"failed": f"{name}: {error}"}
                path.write_text(json.dumps(made))
        made = json.loads(path.read_text())
        if "failed" in made:
            pytest.fail(made["failed"], pytrace=False)
        document: Document = made["document"]
        return document


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Recorder:
    """The recorder of this test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "conformance"
    folder.mkdir(exist_ok=True)
    return Recorder(folder)
