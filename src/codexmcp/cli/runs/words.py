"""Runs in words and rows, for people. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from codexmcp import figures
from codexmcp.appserver.events import TokenUsage
from codexmcp.cli.options.runs import state_word
from codexmcp.cli.runs.fields import elapsed_s
from codexmcp.cli.text import harmless, indented, one_line
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState

HEADINGS = ("RUN", "STATE", "WHEN", "TOKENS", "TITLE")

_LABEL_WIDTH = 10


def when(run: Run, now: float) -> str:
    """Return how long a run has worked or waited, or how long ago it ended."""
    if run.state.is_over:
        ended = run.ended_at or run.started_at or run.created_at
        return figures.ago(ended, now)
    return figures.duration(now - (run.started_at or run.created_at))


def rows(runs: Sequence[Run], now: float, *, with_folder: bool) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a list, with its headings.

    Args:
        runs: The runs.
        now: Unix time, in seconds.
        with_folder: Titles begin with the project.
    """
    yield HEADINGS
    for run in runs:
        folder = f"{run.request.cwd.rstrip('/').rpartition('/')[2] or '/'}: " if with_folder else ""
        tokens = run.progress.usage.total_tokens
        yield (
            run.id,
            state_word(run.state),
            when(run, now),
            figures.count(tokens) if tokens else "-",
            one_line(f"{folder}{run.title}"),
        )


def described(run: Run, now: float) -> Iterator[str]:
    """Yield the lines of everything that is known of a run."""
    for label, text in _facts(run, now):
        if text:
            yield f"{label:{_LABEL_WIDTH}}{text}"
    for label, text in (("prompt", run.request.prompt), ("answer", run.message)):
        if text.strip():
            yield f"{label}\n{indented(harmless(text.strip()))}"
    hint = _hint(run)
    if hint:
        yield f"\n{hint}"


def _facts(run: Run, now: float) -> Iterator[tuple[str, str | None]]:
    elapsed = elapsed_s(run, now)
    yield "run", run.id
    yield "title", one_line(run.title)
    yield "state", state_word(run.state)
    yield "reason", one_line(run.reason)
    yield "folder", one_line(run.request.cwd)
    yield "thread", run.thread_id
    yield "turn", run.turn_id
    yield "policy", _policy(run)
    yield "submitted", _time(run.created_at, now)
    yield "started", _time(run.started_at, now)
    yield "ended", _time(run.ended_at, now)
    yield "worked", None if elapsed is None else figures.duration(elapsed)
    yield "attempt", str(run.attempt) if run.attempt > 1 else None
    yield "continues", run.request.continues
    yield "tokens", _tokens(run.progress.usage)
    yield "last step", None if run.state.is_over else one_line(run.progress.last_step)
    # As a shell takes it; three whole paths would fill the screen.
    yield "audit", one_line(f"{run.request.audit_dir}/{run.id}.{{jsonl,md,stderr.log}}")


def _policy(run: Run) -> str:
    thread, request = run.request.thread, run.request
    named = (
        ("", thread.get("sandbox") or thread.get("permissions")),
        ("approvals ", thread.get("approvalPolicy")),
        ("model ", thread.get("model")),
        ("effort ", request.effort),
        ("at most ", request.timeout_s and figures.duration(request.timeout_s)),
    )
    return ", ".join(one_line(f"{label}{value}") for label, value in named if value)


def _tokens(usage: TokenUsage) -> str | None:
    if not usage.total_tokens:
        return None
    return (
        f"{figures.count(usage.total_tokens)} ({figures.count(usage.input_tokens)} in, "
        f"{figures.count(usage.cached_input_tokens)} of it cached; "
        f"{figures.count(usage.output_tokens)} out)"
    )


def _time(at: float | None, now: float) -> str | None:
    if at is None:
        return None
    try:
        local = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return f"{at:g}"
    return f"{local} ({figures.ago(at, now)})"


def _hint(run: Run) -> str | None:
    """Return what can be done now."""
    match run.state:
        case RunState.WAITING_FOR_APPROVAL:
            return f"answer it:   codexmcp runs approve [--decline] {run.id}"
        case RunState.QUEUED | RunState.STARTING | RunState.RUNNING:
            return f"watch it:    codexmcp runs tail -f {run.id}"
        case RunState.COMPLETED | RunState.FAILED:
            return None
        case _ if run.thread_id is not None:
            return f"continue it: codexmcp runs resume {run.id}"
        case _:
            return None
