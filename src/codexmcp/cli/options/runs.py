"""The options of `codexmcp runs`."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.options.parts import SANDBOX_MODES, CodexFlags, OutputFlags
from codexmcp.command_line import Command, argument, flag, option, part, repeated
from codexmcp.data_classes import dataclass
from codexmcp.units import count, duration, seconds, size

STATES = (
    "queued",
    "starting",
    "running",
    "waiting_for_approval",
    "completed",
    "failed",
    "interrupted",
    "timed_out",
    "lost",
)

SHORT_STATES = {"waiting_for_approval": "approval"}
"""States with a name too long for the column of lists."""

_RUN = "the id of a run, or the beginning of one"


def state_word(state: str) -> str:
    """Return the word of lists for a state, eleven characters at most."""
    return SHORT_STATES.get(state, state.replace("_", " "))


def _state(text: str) -> str:
    for state in STATES:
        if text in {state, state_word(state)}:
            return state
    raise argparse.ArgumentTypeError(f"invalid state {text!r}: choose from {', '.join(STATES)}")


@dataclass(frozen=True, kw_only=True)
class RunOptions(OutputFlags):
    """The options of a command for one run."""

    run: str = argument(_RUN, "RUN")


@dataclass(frozen=True, kw_only=True)
class RunsOptions(OutputFlags):
    """The options of a command for several runs."""

    runs: tuple[str, ...] = argument(_RUN, "RUN", nargs="+")


@dataclass(frozen=True, kw_only=True)
class ScopeFlags(OutputFlags):
    """The projects of a command."""

    all: bool = flag("of every project of this Codex home", exclusive="scope")
    cwd: Path | None = option("of the project folder DIR", "DIR", parse=Path, exclusive="scope")


@dataclass(frozen=True, kw_only=True)
class RunsListOptions(ScopeFlags):
    """The options of `codexmcp runs list`."""

    state: tuple[str, ...] = repeated(
        f"only runs in this state; may be given several times: {', '.join(STATES)}",
        "STATE",
        parse=_state,
    )
    limit: int = option("", "N", parse=count, default=20)
    cursor: str | None = option("continue after the page that names this cursor", "CURSOR")


@dataclass(frozen=True, kw_only=True)
class TailOptions(RunOptions):
    """The options of `codexmcp runs tail`."""

    follow: bool = flag("go on until the run ends", short="-f")
    lines: int | None = option("begin with the last N; default: all", "N", parse=count, short="-n")
    raw: bool = flag("print the JSON lines as they are, as --json does")


@dataclass(frozen=True, kw_only=True)
class WaitOptions(RunsOptions):
    """The options of `codexmcp runs wait`."""

    any: bool = flag("until one of them is over")
    timeout: float | None = option(
        "wait at most this long (90, 90s, 10m); default: until they are over",
        "TIME",
        parse=seconds,
    )


@dataclass(frozen=True, kw_only=True)
class WorkFlags(OutputFlags):
    """The work of a new run."""

    wait: bool = flag("wait for its end, as `runs wait` does")
    name: str | None = option("a readable title", "TITLE")
    cwd: Path | None = option("work in DIR", "DIR", parse=Path)
    allow_git: bool = flag(
        "let commands in workspace-write commit: they may write to .git, but for hooks and "
        "settings; see SECURITY.md"
    )
    sandbox: str | None = option(", ".join(SANDBOX_MODES), "MODE", choices=SANDBOX_MODES)
    permissions: str | None = option(
        "sandbox mode, permissions profile, or `yolo` for full access", "NAME"
    )
    model: str | None = option("the model", "NAME")
    effort: str | None = option("reasoning effort, such as high", "EFFORT")
    approval_policy: str | None = option(
        "never refuses what the sandbox forbids, on-request asks; default: never",
        choices=("never", "on-request"),
    )
    image: tuple[Path, ...] = repeated("show it to Codex", "FILE", parse=Path)
    timeout: float | None = option(
        "bound on the run (90, 90s, 30m); 0 for none", "TIME", parse=seconds
    )
    codex: CodexFlags = part(CodexFlags)


@dataclass(frozen=True, kw_only=True)
class StartOptions(WorkFlags):
    """The options of `codexmcp runs start`."""

    prompt: str = argument("the task; - reads it from stdin", "PROMPT")
    profile: str | None = option("settings of NAME.config.toml", "NAME")
    on_children: str | None = option(
        "with sub-agents that still work at the answer: wait for them, or stop them; default: wait",
        choices=("wait", "stop"),
    )
    goal_tokens: int | None = option(
        "let the model set a goal that it may spend N tokens on; default: no goals",
        "N",
        parse=count,
    )


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(WorkFlags):
    """The options of `codexmcp runs resume`."""

    run: str = argument(_RUN, "RUN")
    prompt: str = argument(
        "the task; - reads it from stdin; default: continue",
        "PROMPT",
        nargs="?",
        default="continue",
    )
    fork: bool = flag("work on a copy of the conversation")


@dataclass(frozen=True, kw_only=True)
class SteerOptions(RunOptions):
    """The options of `codexmcp runs steer`."""

    prompt: str = argument("the message; - reads it from stdin", "PROMPT")


@dataclass(frozen=True, kw_only=True)
class ApprovalsOptions(OutputFlags):
    """The options of `codexmcp runs approvals`."""

    run: str | None = argument(f"{_RUN}; default: all", "RUN", nargs="?", default=None)


@dataclass(frozen=True, kw_only=True)
class ApproveOptions(OutputFlags):
    """The options of `codexmcp runs approve`."""

    approval: str = argument("of the question, or of its run", "ID")
    for_session: bool = flag(
        "yes, also to the same again in this conversation", exclusive="decision"
    )
    decline: bool = flag("no; the run goes on without it", exclusive="decision")
    cancel: bool = flag("no; and the turn ends", exclusive="decision")
    content: str | None = option("the values of a form; without it each field is asked for", "JSON")

    @property
    def decision(self) -> str:
        """The decision in the spelling of the MCP tools."""
        if self.for_session:
            return "accept_for_session"
        return "decline" if self.decline else "cancel" if self.cancel else "accept"


@dataclass(frozen=True, kw_only=True)
class AttachOptions(RunOptions):
    """The options of `codexmcp runs attach`."""

    codex: CodexFlags = part(CodexFlags)


@dataclass(frozen=True, kw_only=True)
class PruneOptions(ScopeFlags):
    """The options of `codexmcp runs prune`."""

    older_than: float | None = option("runs that ended before, as 30d", "TIME", parse=duration)
    keep: int | None = option("runs beyond the newest N that are over", "N", parse=count)
    max_size: int | None = option("the oldest beyond SIZE, as 1G", "SIZE", parse=size)
    dry_run: bool = flag("only list the runs that would be deleted")


@dataclass(frozen=True, kw_only=True)
class ReindexOptions(OutputFlags):
    """The options of `codexmcp runs reindex`."""

    folders: tuple[Path, ...] = argument(
        "projects, or folders of audit files", "DIR", parse=Path, nargs="*"
    )


def _command(
    name: str, run: str, options: type[OutputFlags], summary: str, *examples: str
) -> Command:
    lines = "\n".join(f"  codexmcp runs {each}" for each in examples)
    return Command(
        name,
        summary,
        f"runs.{run}",
        options,
        epilog=f"examples:\n{lines}\n",
    )


COMMANDS = (
    Command(
        name="runs",
        summary="list, watch, start, steer and stop supervised runs",
        description="Supervised runs of this Codex home: start, watch, steer and stop them.",
        epilog="""\
examples:
  codexmcp runs start --name tests "make the tests pass"
  codexmcp runs list
  codexmcp runs tail -f 20261121-1127
  codexmcp runs wait $(codexmcp runs start "say hello")

An id may be cut to its beginning as long as that names one run only.
Exit codes: 0 done, 1 failed or refused, 2 usage, 78 surroundings, 124 time up,
130 Ctrl-C. Ctrl-C ends the view, never a run.
""",
        commands=(
            _command(
                "list",
                "listing:list_runs",
                RunsListOptions,
                "list runs of this project, the newest first",
                "list --state running --state waiting_for_approval\n      the active runs here",
                "list --all --limit 100 --json\n"
                "      the newest 100 of every project, for a program",
            ),
            _command(
                "show",
                "listing:show_run",
                RunOptions,
                "show everything on record about a run",
                "show 20261121-1127\n      its state, prompt, times, tokens, answer and files",
            ),
            _command(
                "tail",
                "watching:tail_run",
                TailOptions,
                "show what a run does: commands, messages, changed files, questions, errors",
                "tail -f 20261121-1127\n      all so far, then what comes, until the run ends",
                "tail --raw 20261121-1127 | jq .method\n"
                "      the lines of its file of events as they are",
            ),
            _command(
                "wait",
                "waiting:wait_for_runs",
                WaitOptions,
                "wait for runs and print their final messages",
                "wait 20261121-1127\n      exit code 0 when it completed, 1 when it did not",
                "wait --any --timeout 10m RUN RUN\n"
                "      until one is over; 124 when none is in time",
            ),
            _command(
                "start",
                "starting:start_run",
                StartOptions,
                "start a run in the background and print its id",
                'start "make the tests pass"\n      its supervisor is started when there is none',
                "start --wait --sandbox read-only - < task.md\n"
                "      prompt from a file, then its answer",
            ),
            _command(
                "resume",
                "starting:resume_run",
                ResumeOptions,
                "give a run that is over a further prompt, in the same conversation",
                "resume 20261121-1127\n      have it continue, after a crash or an interrupt",
                'resume --fork 20261121-1127 "try it another way"\n'
                "      on a copy of the conversation",
            ),
            _command(
                "interrupt",
                "acting:interrupt_runs",
                RunsOptions,
                "stop runs; they can be resumed",
                "interrupt 20261121-1127 20261121-1130",
            ),
            _command(
                "steer",
                "acting:steer_run",
                SteerOptions,
                "send a message to a run while it works",
                'steer 20261121-1127 "leave the docs alone"',
            ),
            _command(
                "approvals",
                "answering:list_approvals",
                ApprovalsOptions,
                "list the questions of Codex that wait for an answer",
                "approvals\n      of all runs of this Codex home",
            ),
            _command(
                "approve",
                "answering:answer_approval",
                ApproveOptions,
                "answer a question of Codex; default: yes",
                "approve 20261121-112759-1a2b3c4d.1\n      yes, this once, outside of the sandbox",
                "approve --decline 20261121-1127\n      no to the only question of that run",
                'approve --content \'{"name": "Bo"}\' 20261121-1127\n      fill in its form',
            ),
            _command(
                "attach",
                "attaching:attach_to_run",
                AttachOptions,
                "take part in a run in Codex's own terminal interface",
                "attach 20261121-1127\n      /quit leaves it at work; Ctrl-C and Esc interrupt it",
            ),
            _command(
                "prune",
                "pruning:prune_runs",
                PruneOptions,
                "delete the records of runs that are over",
                "prune --older-than 30d --dry-run\n      a list of these runs of this project",
                "prune --all --keep 1000 --max-size 1G\n"
                "      the newest 1000 stay if they fit into 1 GiB",
            ),
            _command(
                "reindex",
                "reindexing:reindex_runs",
                ReindexOptions,
                "rebuild the store of runs from their audit files",
                "reindex\n      from this project and all that the index of projects names",
                "reindex ~/moved/project\n      also from a project that was moved",
            ),
        ),
    ),
)
