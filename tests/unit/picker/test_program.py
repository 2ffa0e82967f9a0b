from __future__ import annotations

import json

import pytest

from codexmcp.picker import arguments, main
from codexmcp.picker.columns import Cursor, Page
from codexmcp.picker.json_output import to_json
from codexmcp.picker.source import Snapshot, View
from codexmcp.runs.states import RunState
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import running


def test_json_tells_the_runs_and_of_what_there_are_more() -> None:
    run = running(MemoryStore(), "r1", prompt="evil\x1b[31m 日本")
    counts = {RunState.RUNNING: 7}
    snapshot = Snapshot(View("/w"), Page((run,), Cursor(1, 1)), Page(), counts)
    text = to_json(snapshot)
    assert text.isascii()
    assert "\x1b" not in text
    document = json.loads(text)
    assert document["folder"] == "/w"
    assert document["counts"] == {"running": 7}
    assert document["more"] == ["running"]
    (told,) = document["running"]
    assert (told["runId"], told["status"], told["title"]) == ("r1", "running", "evil\x1b[31m 日本")


@pytest.mark.parametrize("words", [["--limit", "0"], ["--limit", "x"], ["--nope"], ["--al"]])
def test_wrong_arguments_end_with_the_code_of_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(words)
    assert ended.value.code == 2
    assert "codex-runs" in capsys.readouterr().err


def test_help_shows_examples_within_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "codex-runs --all" in out
    assert max(map(len, out.splitlines())) <= 80
