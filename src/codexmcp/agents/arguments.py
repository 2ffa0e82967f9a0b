"""The arguments of `main.py` and `newway.py`.

Pure, except that `-` reads the prompt from stdin.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from codexmcp.errors import UsageError
from codexmcp.settings import SANDBOX_MODES

DEFAULT_TIMEOUT_S = 3600.0
DEFAULT_MAX_TURNS = 20

EXIT_CODES = """\
exit codes:
  0 done   1 the work failed   2 wrong usage   78 something must be configured
  124 timeout   130 interrupted"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the user asked for; None leaves a choice to the defaults.

    Attributes:
        prompt: The task.
        rehearse: Whether the scripted model takes the place of a real one.
        model: Codex's model.
        agent_model: The agent's model.
        sandbox: The sandbox mode.
        cwd: Where Codex works.
        resume: The thread to continue.
        timeout_s: Bound on the whole run, in seconds; None means none.
        max_turns: Bound on the agent's turns.
        json: Whether a program reads stdout.
        debug: Whether errors come with a traceback.
        server_command: Words of another MCP server's command line, for `main.py`.
    """

    prompt: str
    rehearse: bool = False
    model: str | None = None
    agent_model: str | None = None
    sandbox: str | None = None
    cwd: Path | None = None
    resume: str | None = None
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    max_turns: int = DEFAULT_MAX_TURNS
    json: bool = False
    debug: bool = False
    server_command: str | None = None


def parse_arguments(
    argv: Sequence[str], *, program: str, default_prompt: str | None, server_command: bool
) -> Arguments:
    """Return what the arguments say; ends the process on `--help`.

    Args:
        argv: The arguments, without the program's name.
        program: The program's name, such as `main.py`.
        default_prompt: What to do without a prompt; None makes one necessary.
        server_command: Whether the program has the option `--server-command`.

    Raises:
        UsageError: The arguments are wrong, or there is no prompt.
    """
    parser = _parser(program, default_prompt, server_command=server_command)
    given = [_readable(word) for word in argv]
    # argparse loses the -- when options may stand between the words of the prompt.
    end = given.index("--") if "--" in given else len(given)
    values = vars(parser.parse_intermixed_args(given[:end]))
    words: list[str] = values.pop("words") + given[end + 1 :]
    prompt = _read_prompt(words, default_prompt)
    return Arguments(prompt=prompt, **values)


def _readable(word: str) -> str:
    """Return an argument without bytes that are no UTF-8, which Python keeps as surrogates."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Parser(argparse.ArgumentParser):
    """Raises wrong usage, in place of printing it and ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help lists the options, and a prompt may follow --")


def _read_prompt(words: list[str], default: str | None) -> str:
    if words == ["-"]:
        prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    elif words:
        prompt = " ".join(words)
    elif default is not None:
        prompt = default
    else:
        raise UsageError("there is no prompt; give one in quotes, or - to read it from stdin")
    if not prompt.strip():
        raise UsageError("the prompt is empty; say what Codex is to do")
    return prompt


def _parser(
    program: str, default_prompt: str | None, *, server_command: bool
) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Give Codex a task through an agent of the OpenAI Agents SDK.",
        epilog=_epilog(program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    optional = " (default: run the smoke skill)" if default_prompt else ""
    parser.add_argument(
        "words", nargs="*", metavar="PROMPT", help=f"the task, or - for stdin{optional}"
    )
    _add_work(parser)
    _add_bounds(parser)
    parser.add_argument("--json", action="store_true", help="one JSON event a line on stdout")
    parser.add_argument("--debug", action="store_true", help="show tracebacks and logs")
    if server_command:
        parser.add_argument(
            "--server-command",
            metavar="COMMAND",
            help="another stdio MCP server with the tools codex and codex-reply; policy flags are "
            "not passed to it",
        )
    return parser


def _add_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rehearse", action="store_true", help="use the built-in scripted model; needs no key"
    )
    parser.add_argument("--model", metavar="NAME", help="Codex's model")
    parser.add_argument("--agent-model", metavar="NAME", help="the agent's model")
    parser.add_argument(
        "--sandbox", choices=SANDBOX_MODES, help="default: CODEX_SANDBOX_MODE or workspace-write"
    )
    parser.add_argument(
        "--cwd", type=Path, metavar="DIR", help="where Codex works; default: output/"
    )
    parser.add_argument("--resume", metavar="THREAD", help="continue a thread")


def _add_bounds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        dest="timeout_s",
        type=_seconds,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="bound on the whole run, 0 for none; default: %(default)g",
    )
    parser.add_argument(
        "--max-turns",
        type=_positive,
        default=DEFAULT_MAX_TURNS,
        metavar="N",
        help="bound on the agent's turns; default: %(default)s",
    )


def _epilog(program: str) -> str:
    return f"""\
examples:
  uv run python {program} "Create a snake game with HTML, CSS, and JavaScript"
  uv run python {program} --rehearse '$mcp-skill-smoke run the smoke script'
  uv run python {program} --resume THREAD "Add a high-score table"
  git diff | uv run python {program} -

{EXIT_CODES}"""


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value or None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)
