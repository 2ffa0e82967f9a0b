"""The arguments of `codexmcp runs`. Imports nothing but argparse and the parsers of units."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.mcp_server_arguments import add_codex_options
from codexmcp.cli.runs import units
from codexmcp.cli.verbs import Commands, add_telling

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

_RUN = "the id of a run, or the beginning of one"

_EPILOG = """\
examples:
  codexmcp runs start --name tests "make the tests pass"
  codexmcp runs list
  codexmcp runs tail -f 20261121-1127
  codexmcp runs wait $(codexmcp runs start "say hello")

An id may be cut to its beginning as long as that names one run only.
Exit codes: 0 done, 1 failed or refused, 2 usage, 78 surroundings, 124 time up,
130 Ctrl-C. Ctrl-C ends the view, never a run.
"""


def add_parser(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to the parser and return its own."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "runs",
        help="list, watch, start, steer and stop supervised runs",
        description="Supervised runs of this Codex home: start, watch, steer and stop them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        _add_list,
        _add_show,
        _add_tail,
        _add_wait,
        _add_start,
        _add_resume,
        _add_interrupt,
        _add_steer,
        _add_approvals,
        _add_approve,
        _add_attach,
        _add_prune,
        _add_reindex,
    ):
        add(inner)
    return parser


def _command(
    commands: Commands, name: str, use_case: str, summary: str, *examples: str
) -> argparse.ArgumentParser:
    """Add one command.

    Args:
        commands: Where to.
        name: What it is called.
        use_case: The module and the function that do it.
        summary: What it does, in one line.
        examples: Uses of it, each with what comes of it on a line of its own.
    """
    lines = "\n".join(f"  codexmcp runs {each}" for each in examples)
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{lines}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_telling(parser)
    parser.set_defaults(use_case=use_case)
    return parser


def _add_list(commands: Commands) -> None:
    parser = _command(
        commands,
        "list",
        "listing:list_runs",
        "list runs of this project, the newest first",
        "list --state running --state waiting_for_approval\n      what is under way here",
        "list --all --limit 100 --json\n      the newest 100 of every project, for a program",
    )
    _add_scope(parser)
    parser.add_argument(
        "--state",
        action="append",
        choices=STATES,
        metavar="STATE",
        help=f"only runs in this state; may be given several times: {', '.join(STATES)}",
    )
    parser.add_argument(
        "--limit", type=units.count, default=20, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--cursor", metavar="CURSOR", help="go on where a list ended, as it says below or in JSON"
    )


def _add_show(commands: Commands) -> None:
    parser = _command(
        commands,
        "show",
        "showing:show_run",
        "show everything that is known of a run",
        "show 20261121-1127\n      its state, prompt, times, tokens, answer and files",
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)


def _add_tail(commands: Commands) -> None:
    parser = _command(
        commands,
        "tail",
        "watching:tail_run",
        "show what a run does: commands, messages, changed files, questions, errors",
        "tail -f 20261121-1127\n      all so far, then what comes, until the run ends",
        "tail --raw 20261121-1127 | jq .method\n      the lines of its file of events as they are",
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    parser.add_argument(
        "-n", "--lines", type=units.count, metavar="N", help="begin with the last N; default: all"
    )
    parser.add_argument(
        "--raw", action="store_true", help="print the JSON lines as they are, as --json does"
    )


def _add_wait(commands: Commands) -> None:
    parser = _command(
        commands,
        "wait",
        "waiting:wait_for_runs",
        "wait for runs and print their final messages",
        "wait 20261121-1127\n      exit code 0 when it completed, 1 when it did not",
        "wait --any --timeout 10m RUN RUN\n      until one is over; 124 when none is in time",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)
    parser.add_argument("--any", action="store_true", help="until one of them is over")
    _add_timeout(parser, "wait at most so long (90, 90s, 10m); default: until they are over")


def _add_start(commands: Commands) -> None:
    parser = _command(
        commands,
        "start",
        "starting:start_run",
        "start a run in the background and print its id",
        'start "make the tests pass"\n      its supervisor is started when there is none',
        "start --wait --sandbox read-only - < task.md\n      prompt from a file, then its answer",
    )
    parser.add_argument("prompt", metavar="PROMPT", help="what to do; - reads it from stdin")
    _add_work(parser)
    parser.add_argument("--profile", metavar="NAME", help="settings of NAME.config.toml")
    add_codex_options(parser)


def _add_resume(commands: Commands) -> None:
    parser = _command(
        commands,
        "resume",
        "starting:resume_run",
        "give a run that is over a further prompt, in the same conversation",
        "resume 20261121-1127\n      have it continue, after a crash or an interrupt",
        'resume --fork 20261121-1127 "try it another way"\n      on a copy of the conversation',
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)
    parser.add_argument(
        "prompt",
        nargs="?",
        default="continue",
        metavar="PROMPT",
        help="what to do; - reads it from stdin; default: %(default)s",
    )
    parser.add_argument("--fork", action="store_true", help="work on a copy of the conversation")
    _add_work(parser)
    add_codex_options(parser)


def _add_interrupt(commands: Commands) -> None:
    parser = _command(
        commands,
        "interrupt",
        "acting:interrupt_runs",
        "stop runs; they can be resumed",
        "interrupt 20261121-1127 20261121-1130",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)


def _add_steer(commands: Commands) -> None:
    parser = _command(
        commands,
        "steer",
        "acting:steer_run",
        "tell a run something while it works",
        'steer 20261121-1127 "leave the docs alone"',
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)
    parser.add_argument("prompt", metavar="PROMPT", help="what to tell; - reads it from stdin")


def _add_approvals(commands: Commands) -> None:
    parser = _command(
        commands,
        "approvals",
        "answering:list_approvals",
        "list the questions of Codex that wait for an answer",
        "approvals\n      of all runs of this Codex home",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help=f"{_RUN}; default: all")


def _add_approve(commands: Commands) -> None:
    parser = _command(
        commands,
        "approve",
        "answering:answer_approval",
        "answer a question of Codex, with yes unless told otherwise",
        "approve 20261121-112759-1a2b3c4d.1\n      yes, this once, outside of the sandbox",
        "approve --decline 20261121-1127\n      no to the only question of that run",
    )
    parser.add_argument("approval", metavar="ID", help="of the question, or of its run")
    how = parser.add_mutually_exclusive_group()
    for name, decision, text in (
        ("--for-session", "accept_for_session", "yes, also to the same again in this conversation"),
        ("--decline", "decline", "no; the run goes on without it"),
        ("--cancel", "cancel", "no; and the turn ends"),
    ):
        how.add_argument(name, dest="decision", action="store_const", const=decision, help=text)
    parser.set_defaults(decision="accept")


def _add_attach(commands: Commands) -> None:
    parser = _command(
        commands,
        "attach",
        "attaching:attach_to_run",
        "take part in a run in Codex's own terminal interface",
        "attach 20261121-1127\n      /quit leaves it at work; Ctrl-C and Esc interrupt it",
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)
    add_codex_options(parser)


def _add_prune(commands: Commands) -> None:
    parser = _command(
        commands,
        "prune",
        "pruning:prune_runs",
        "delete the records of runs that are over",
        "prune --older-than 30d --dry-run\n      what would be deleted of this project",
        "prune --all --keep 1000 --max-size 1G\n      the newest 1000 stay if they fit into 1 GiB",
    )
    _add_scope(parser)
    parser.add_argument(
        "--older-than", type=units.duration, metavar="TIME", help="those that ended before, as 30d"
    )
    parser.add_argument(
        "--keep", type=units.count, metavar="N", help="those beyond the newest N that are over"
    )
    parser.add_argument(
        "--max-size", type=units.size, metavar="SIZE", help="the oldest beyond SIZE, as 1G"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")


def _add_reindex(commands: Commands) -> None:
    parser = _command(
        commands,
        "reindex",
        "reindexing:reindex_runs",
        "rebuild the store of runs from their audit files",
        "reindex\n      from this project and all that the index of projects names",
        "reindex ~/moved/project\n      also from a project that was moved",
    )
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="DIR", help="projects, or folders of audit files"
    )


def _add_scope(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--all", action="store_true", help="of every project of this Codex home")
    where.add_argument("--cwd", type=Path, metavar="DIR", help="of the project folder DIR")


def _add_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait for its end, as `runs wait` does")
    parser.add_argument("--name", metavar="TITLE", help="a readable title")
    parser.add_argument("--cwd", type=Path, metavar="DIR", help="work in DIR")
    modes = ("read-only", "workspace-write", "danger-full-access")
    parser.add_argument("--sandbox", choices=modes, metavar="MODE", help=", ".join(modes))
    parser.add_argument(
        "--permissions",
        metavar="NAME",
        help="sandbox mode, permissions profile, or `yolo` for full access",
    )
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--effort", metavar="EFFORT", help="reasoning effort, such as high")
    parser.add_argument(
        "--approval-policy",
        choices=("never", "on-request"),
        help="never refuses what the sandbox forbids, on-request asks; default: never",
    )
    parser.add_argument(
        "--image", type=Path, action="append", default=[], metavar="FILE", help="show it to Codex"
    )
    _add_timeout(parser, "bound on the run (90, 90s, 30m); 0 for none")


def _add_timeout(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--timeout", type=units.seconds, metavar="TIME", help=text)
