"""The options of `main.py`, `newway.py`, `codexmcp agent` and `codexmcp rehearse`.

Pure, except for reading the prompt from stdin for `-`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from codexmcp.command_line import ANY_TEXT, RaisingParser, argument, flag, option, read
from codexmcp.data_classes import dataclass
from codexmcp.errors import UsageError
from codexmcp.settings import SANDBOX_MODES
from codexmcp.units import count, seconds

EXIT_CODES = """\
exit codes:
  0 done   1 the work failed   2 wrong usage   78 something must be configured
  124 timeout   130 interrupted"""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Parsed arguments; None means the default."""

    prompt: str = argument("the task, or - for stdin", "PROMPT", parse=ANY_TEXT, nargs="*")
    rehearse: bool = flag("use the built-in scripted model; needs no key")
    model: str | None = option("Codex's model", "NAME")
    agent_model: str | None = option("the agent's model", "NAME")
    sandbox: str | None = option(
        "default: CODEX_SANDBOX_MODE or workspace-write", choices=SANDBOX_MODES
    )
    cwd: Path | None = option("where Codex works; default: output/", "DIR", parse=Path)
    allow_git: bool = flag("let commands in workspace-write commit; see SECURITY.md")
    resume: str | None = option("continue a thread", "THREAD")
    timeout: float = option(
        "bound on the whole run, 0 for none", "SECONDS", parse=seconds, default=3600.0
    )
    max_turns: int = option("bound on the agent's turns", "N", parse=count, default=20)
    json: bool = flag("one JSON event a line on stdout")
    debug: bool = flag("show tracebacks and logs")
    server_command: str | None = None


@dataclass(frozen=True, kw_only=True)
class MainArguments(Arguments):
    """Parsed arguments of `main.py`."""

    server_command: str | None = option(
        "another stdio MCP server with the tools codex and codex-reply; policy flags are not "
        "passed to it",
        "COMMAND",
    )


def parse_arguments(
    argv: Sequence[str],
    *,
    program: str,
    command: str,
    default_prompt: str | None,
    server_command: bool,
) -> Arguments:
    """Return the parsed arguments; ends the process on `--help`.

    Args:
        argv: The arguments, without the program's name.
        program: The program's name, such as `main.py`.
        command: The user's command line, such as `uv run python main.py`.
        default_prompt: The default prompt; None makes a prompt mandatory.
        server_command: The program has the option `--server-command`.

    Raises:
        UsageError: The arguments are invalid, or the prompt is missing.
    """
    cls = MainArguments if server_command else Arguments
    optional = f" Without a prompt: {default_prompt}" if default_prompt else ""
    parser = RaisingParser(
        prog=program,
        description=f"Give Codex a task through an agent of the OpenAI Agents SDK.{optional}",
        epilog=_epilog(command),
    )
    parser.add_options(cls)
    given = [_readable(word) for word in argv]
    # argparse loses the -- if options are allowed between the words of the prompt.
    end = given.index("--") if "--" in given else len(given)
    try:
        values = vars(parser.parse_intermixed_args(given[:end]))
    except UsageError as error:
        raise UsageError(f"{error}; --help lists the options, and a prompt may follow --") from None
    words = [*values.get("prompt", ()), *given[end + 1 :]]
    return read(cls, {**values, "prompt": _read_prompt(words, default_prompt)})


def _readable(word: str) -> str:
    """Return an argument without bytes outside UTF-8, kept by Python as surrogates."""
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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


def _epilog(command: str) -> str:
    return f"""\
examples:
  {command} "Create a snake game with HTML, CSS, and JavaScript"
  {command} --rehearse 'Run `date` and report what it prints'
  {command} --resume THREAD "Add a high-score table"
  git diff | {command} -

{EXIT_CODES}"""
