"""Refusals of runs: a kind and fields below the fronts, and a remedy in the words of each front."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import codexmcp
from codexmcp.api.supervisor import REMEDIES as API
from codexmcp.cli.runs.asking import REMEDIES as CLI
from codexmcp.errors import RunError, RunErrorFields, RunErrorKind, StateError, run_error_of
from codexmcp.picker.remedies import REMEDIES as PICKER
from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.server.run_tools.remedies import REMEDIES as TOOLS

ROOT = Path(codexmcp.__file__).parent
TOOL = re.compile("|".join(rf"\b{each['name']}\b" for each in run_tool_definitions()))
COMMAND = re.compile(r"codexmcp runs (?!reindex)")
"""Only a person can reindex, whatever the front."""

FRONTS = {"tools": TOOLS, "cli": CLI, "picker": PICKER, "api": API}
FOREIGN = {"tools": COMMAND, "cli": TOOL, "picker": TOOL, "api": TOOL}
FIELDS = RunErrorFields("r-1", "running", "/w/{x}", "r-1.1")


@pytest.mark.parametrize("kind", RunErrorKind)
@pytest.mark.parametrize("front", FRONTS)
def test_every_front_has_a_remedy_of_its_own_for_every_kind(front: str, kind: RunErrorKind) -> None:
    error = StateError("it is so", kind, FIELDS).advised(FRONTS[front])
    text = str(error)
    assert isinstance(error, StateError)
    assert (error.kind, error.fields) == (kind, FIELDS)
    assert text.startswith("it is so; ")
    assert len(text) > len("it is so; ")
    assert FOREIGN[front].search(text) is None


@pytest.mark.parametrize("remedies", FRONTS.values())
def test_an_error_without_a_kind_is_complete(remedies: Mapping[RunErrorKind, str]) -> None:
    assert str(RunError("do this").advised(remedies)) == "do this"


@pytest.mark.parametrize("kind", RunErrorKind)
def test_kind_and_fields_cross_a_socket(kind: RunErrorKind) -> None:
    sent = json.loads(json.dumps(RunError("it is so", kind, FIELDS).to_json()))
    received = run_error_of("it is so", sent["kind"], sent["fields"])
    assert received is not None
    assert (str(received), received.kind, received.fields) == ("it is so", kind, FIELDS)


@pytest.mark.parametrize("kind", [None, "new", []])
def test_data_without_a_known_kind_are_no_refusal(kind: object) -> None:
    assert run_error_of("it is so", kind, {}) is None


def test_fields_of_another_version_are_passed_over() -> None:
    received = run_error_of("x", "over", {"run_id": "r", "more": 1})
    assert received is not None
    assert received.fields == RunErrorFields("r")


@pytest.mark.parametrize("part", ["runs", "codex", "policy", "appserver"])
def test_no_part_below_the_fronts_names_a_tool_or_a_command(part: str) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / part).rglob("*.py")}
    assert [path for path, text in texts.items() if TOOL.search(text) or COMMAND.search(text)] == []


def test_every_kind_is_raised_by_the_use_cases() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "runs").rglob("*.py"))
    assert [kind for kind in RunErrorKind if f"RunErrorKind.{kind.name}" not in text] == []
