"""The readable summary of a run, as Markdown.

Pure. Promises: no text of a prompt, a command or a model can end its block, become markup or
control a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from codexmcp.appserver.final_answer import EMPTY_ANSWER
from codexmcp.runs.audit.summary import AgentNotes, ApprovalNote, FirstAndLast, Step, SummaryBuilder
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState

MAX_TEXT_CHARACTERS = 100_000
"""A longer prompt or message is truncated; the file of events has the whole text."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_SIGN = "\N{REPLACEMENT CHARACTER}"

T = TypeVar("T")


def render(run: Run, notes: SummaryBuilder) -> str:
    """Return the summary of a run."""
    parts = [
        f"# {plain(run.title) or run.id}",
        "\n".join(_facts(run, notes)),
        _section("Prompt", [block(run.request.prompt)]),
        _section("Commands and tools", _steps(notes.root)),
        _section("Changed files", _changes(notes.root)),
        *(_agent(path, agent) for path, agent in notes.agents.items()),
        _section("Approvals", _ends(notes.approvals, _approval)),
        _section("Errors and retries", _ends(notes.errors, lambda text: f"- {plain(text)}")),
        _section(
            "Final message", [block(run.message or notes.root.answer.text) or _no_answer(run)]
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Return text as one line without any markup."""
    return _MARKUP.sub(r"\\\1", _visible(" ".join(text.split())))


def code(text: str) -> str:
    """Return text as one line of code."""
    line = _visible(" ".join(text.split()))
    fence = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}" if line else ""


def block(text: str) -> str:
    """Return text as a block of code; empty for no text."""
    if not text.strip():
        return ""
    if len(text) > MAX_TEXT_CHARACTERS:
        rest = len(text) - MAX_TEXT_CHARACTERS
        text = f"{text[:MAX_TEXT_CHARACTERS]}\n[{rest} more characters]"
    text = _visible(text.replace("\r\n", "\n")).strip("\n")
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _facts(run: Run, notes: SummaryBuilder) -> Iterator[str]:
    yield f"- State: **{run.state.value}**" + (f": {plain(run.reason)}" if run.reason else "")
    yield f"- Run: {code(run.id)}"
    for name, value in (("Thread", run.thread_id), ("Folder", run.request.cwd)):
        if value:
            yield f"- {name}: {code(value)}"
    thread = run.request.thread
    for name in ("model", "sandbox", "permissions", "approvalPolicy"):
        if thread.get(name):
            yield f"- {_TITLES[name]}: {code(str(thread[name]))}"
    yield f"- Submitted: {_time(run.created_at)}"
    if run.started_at is not None:
        yield f"- Started: {_time(run.started_at)}"
    if run.ended_at is not None:
        seconds = run.ended_at - (run.started_at if run.started_at is not None else run.ended_at)
        yield f"- Ended: {_time(run.ended_at)}, after {_duration(seconds * 1000)}"
    if run.attempt > 1:
        yield f"- Attempts: {run.attempt}"
    usage = run.progress.usage if run.progress.usage.total_tokens else notes.usage
    if usage.total_tokens:
        yield (
            f"- Tokens: {usage.total_tokens} ({usage.input_tokens} in, of those"
            f" {usage.cached_input_tokens} cached; {usage.output_tokens} out, of those"
            f" {usage.reasoning_output_tokens} reasoning)"
        )
    if notes.unknown:
        counts = ", ".join(f"{name} ({count})" for name, count in notes.unknown.items())
        yield f"- Unknown to this codexmcp: {plain(counts)}"
    if notes.lost:
        yield f"- Lines of the audit that could not be written: {notes.lost}"
    if notes.has_gap:
        yield "- Events in the midst of this run are not in this summary."


_TITLES = {
    "model": "Model",
    "sandbox": "Sandbox",
    "permissions": "Permissions",
    "approvalPolicy": "Approval policy",
}


def _step(step: Step) -> str:
    facts: list[str] = []
    if step.exit_code is not None:
        facts.append(f"exit code {step.exit_code}")
    elif step.failed:
        facts.append("failed")
    if step.duration_ms is not None:
        facts.append(_duration(step.duration_ms))
    line = f"- {code(step.text)}" + (f": {', '.join(facts)}" if facts else "")
    tail = block(step.tail)
    return f"{line}\n\n{_indented(tail)}\n" if tail else line


def _steps(notes: AgentNotes) -> Iterator[str]:
    yield from _ends(notes.steps, _step)
    for command in notes.unfinished:
        yield f"- {code(command)}: no end on record"


def _changes(notes: AgentNotes) -> Iterator[str]:
    for path, kinds in notes.changes.items():
        yield f"- {code(path)}: {plain(', '.join(kinds))}"
    if notes.more_changes:
        yield f"- … and {notes.more_changes} more changes"


def _agent(path: str, notes: AgentNotes) -> str:
    answer = block(notes.answer.text)
    lines = [*_steps(notes), *_changes(notes), *([f"\n{answer}"] if answer else [])]
    return _section(f"Agent {code(path)}", lines or ["No commands, tools or changed files."])


def _no_answer(run: Run) -> str:
    return f"None: {EMPTY_ANSWER}." if run.state is RunState.COMPLETED else ""


def _approval(approval: ApprovalNote) -> str:
    by = f" by {plain(approval.by)}" if approval.by else ""
    return f"- {code(approval.question)}: {plain(approval.decision)}{by}"


def _ends(ends: FirstAndLast[T], line: Callable[[T], str]) -> Iterator[str]:
    yield from map(line, ends.first)
    if ends.left_out:
        yield f"- … {ends.left_out} more …"
    yield from map(line, ends.last)


def _section(title: str, lines: Iterable[str]) -> str:
    text = "\n".join(lines).rstrip("\n")
    return f"## {title}\n\n{text}" if text else ""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def _visible(text: str) -> str:
    return _CONTROL.sub(_SIGN, text)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def _duration(milliseconds: float) -> str:
    seconds = max(0.0, milliseconds / 1000)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"
