"""The commands of `codexmcp`, and the end of each command.

Imports a use case only for its command, so that help and usage errors come at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import partial

import codexmcp
from codexmcp.cli.options.parts import OutputFlags, PassedOnOptions
from codexmcp.command_line import ANY_TEXT, ArgumentParser, Command, read
from codexmcp.entry import Work
from codexmcp.errors import CodexMCPError, ExitCode

_MODULES = {
    "mcp-server": "mcp_server",
    "serve": "serve",
    "runs": "runs",
    "mcp": "mcp",
    "profiles": "profiles",
    "sync": "sync",
    "init": "sync",
    "skills": "skills",
    "usage": "usage",
    "doctor": "doctor",
    "codex": "codex",
}
"""The module of the options, by command."""

_PASSED_ON = {
    "agent": ("agent:give_task", "give Codex a task through an agent"),
    "rehearse": ("agent:rehearse", "the same with a scripted model: needs no key"),
    "codex": (
        "codex:become_codex",
        "run the Codex that codexmcp uses, such as for a login; `codex check` is our own",
    ),
}
"""Use case and summary of commands that read their arguments themselves."""

_RELAY = "shared:relay_client"


def load_command(argv: Sequence[str] | None) -> Work:
    """Read the arguments and import their command; return its work.

    Args:
        argv: The arguments; None means those of the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    values = vars(parser_for(words).parse_args(words))
    command: Command = values["selected"]
    assert command.options is not None, "argparse demands a command of a group"
    options = read(command.options, values)
    # A shared server is only a relay here, which has nothing to log.
    run = _RELAY if values.get("shared") else command.run
    debug: bool = values.get("debug", False)
    if run != _RELAY:
        _set_logging(debug=debug)
    module, _, name = run.partition(":")
    use_case = getattr(importlib.import_module(f"codexmcp.cli.{module}"), name)
    return partial(_run, use_case, options, debug=debug)


def _run(use_case: Callable[..., int | None], options: object, *, debug: bool) -> int:
    try:
        code = (
            _run_with_output(use_case, options)
            if isinstance(options, OutputFlags)
            else use_case(options)
        )
    except CodexMCPError:
        if debug:
            import traceback  # noqa: PLC0415 - 3 ms, and rarely used

            traceback.print_exc()
        raise
    return ExitCode.DONE if code is None else code


def _run_with_output(use_case: Callable[..., int | None], options: OutputFlags) -> int | None:
    from codexmcp.cli.output import Output  # noqa: PLC0415 - 10 ms, and servers print nothing

    output = Output(is_json=options.json)
    try:
        return use_case(options, output)
    finally:
        output.end_progress()


def parser_for(words: Sequence[str]) -> ArgumentParser:
    """Return the parser for some arguments.

    Options are added to the command that the arguments name, or to all commands: each takes 1 to
    6 ms.

    Args:
        words: The arguments.
    """
    parser = ArgumentParser(
        prog="codexmcp", description="Drive OpenAI's Codex from other programs."
    )
    parser.add_argument("--version", action="version", version=codexmcp.__version__)
    commands = parser.add_commands()
    is_own = words[:2] == ["codex", "check"]
    for name in [name for name in _MODULES if words[:1] == [name]] or _MODULES:
        if name in _PASSED_ON and not is_own:
            continue
        module = importlib.import_module(f"codexmcp.cli.options.{_MODULES[name]}")
        parser.add_command(commands, next(each for each in module.COMMANDS if each.name == name))
    for name, (run, summary) in _PASSED_ON.items():
        if is_own and name == "codex":
            continue
        # All arguments are passed on, options and `--help` among them.
        passed_on = commands.add_parser(name, help=summary, prefix_chars="\0", add_help=False)
        passed_on.add_argument("arguments", nargs="...", type=ANY_TEXT)
        passed_on.set_defaults(selected=Command(name, summary, run, PassedOnOptions))
    return parser


def _set_logging(*, debug: bool) -> None:
    import logging  # noqa: PLC0415 - 4 ms, and a relay has nothing to log

    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="codexmcp: %(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not debug:
        # It warns of children that end while they are being started, which is reported anyway.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
