from __future__ import annotations

import io
import json

import pytest  # noqa: TC002 - a plugin reads these annotations
from rich.console import Console

from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.display import JsonDisplay, TextDisplay
from codexmcp.agents.outcome import Summary
from codexmcp.agents.progress import AgentProgress, ProgressKind
from codexmcp.agents.record import AgentRecord
from codexmcp.agents.status import StatusLine

SECRET = "sk-secret-of-the-user"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def summary(answer: str | None = "the answer", error: str | None = None) -> Summary:
    return Summary(
        answer=answer,
        error=error,
        exit_code=1 if error else 0,
        record=AgentRecord(thread_id="t-1"),
        files=["a.txt", "odd\udcff\x1b[2J.txt"],
        folder="/w/output",
        command="uv run python main.py",
    )


def text_display() -> tuple[TextDisplay, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return TextDisplay(Cleaner((SECRET,)), out, err), out, err


def test_a_step_is_one_labelled_line() -> None:
    display, out, err = text_display()
    display.show(AgentProgress(ProgressKind.COMMAND, f"echo\n\t{SECRET}\x1b[31m   done"))
    display.show(AgentProgress(ProgressKind.MESSAGE, "x" * 1000))
    first, second = err.getvalue().splitlines()
    assert first == "run       echo [secret] done"
    assert second == "says      " + "x" * 399 + "\N{HORIZONTAL ELLIPSIS}"
    assert out.getvalue() == ""


def test_the_answer_is_printed_in_full_with_files_and_the_way_on() -> None:
    display, out, err = text_display()
    answer = "line\n" * 500 + SECRET
    display.finish(summary(answer))
    assert out.getvalue() == (
        "line\n" * 500 + "[secret]\n"
        "\nFiles in /w/output:\n  a.txt\n  odd\N{REPLACEMENT CHARACTER}.txt\n"
        '\nContinue with: uv run python main.py --resume t-1 "<prompt>"\n'
    )
    assert err.getvalue() == ""


def test_an_error_is_one_line_on_stderr() -> None:
    display, out, err = text_display()
    display.finish(summary(None, f"it broke {SECRET}"))
    assert err.getvalue() == "error: it broke [secret]\n"
    assert "the answer" not in out.getvalue()


def test_json_lines_hold_one_object_each_and_the_result_comes_last() -> None:
    out = io.StringIO()
    display = JsonDisplay(Cleaner((SECRET,)), out)
    display.note("a remark")
    display.show(AgentProgress(ProgressKind.FILE, f"add\n{SECRET}", {"path": SECRET}))
    display.finish(summary())
    note, step, result = map(json.loads, out.getvalue().splitlines())
    assert note == {"type": "note", "text": "a remark"}
    assert step["path"] == "[secret]"
    assert (result["type"], result["exitCode"], result["threadId"]) == ("result", 0, "t-1")


def test_lines_fit_a_narrow_terminal_and_markup_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    err = Terminal()
    display = TextDisplay(Cleaner(), io.StringIO(), err)
    display.show(AgentProgress(ProgressKind.COMMAND, ":bug: [red]x[/red] " + "y" * 200))
    display.abandon()
    lines = [
        Cleaner().clean(line).strip("\N{REPLACEMENT CHARACTER}")
        for line in err.getvalue().splitlines()
    ]
    (shown,) = [line for line in lines if ":bug:" in line]
    assert "[red]x[/red]" in shown
    assert len(shown) <= 81
    assert shown.endswith("\N{HORIZONTAL ELLIPSIS}")


def test_the_status_line_tells_the_seconds_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("codexmcp.agents.status.time.monotonic", lambda: now[0])
    status = StatusLine(Console(file=io.StringIO(), width=80))
    try:
        status.update(AgentProgress(ProgressKind.COMMAND, "sleep 9"))
        now[0] += 7.9
        assert str(status.__rich__()) == "Codex runs a command (7 s, Ctrl-C stops)"
    finally:
        status.stop()
