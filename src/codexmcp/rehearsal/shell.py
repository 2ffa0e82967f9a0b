"""Codex's execution of a command for its model, with plain tools and in code mode.

Owns the calls to start and poll a command, and the parsing of their outputs. A command's output is
passed on unchanged. Pure: imports only its neighbours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from codexmcp.data_classes import dataclass, replace
from codexmcp.rehearsal.conversation import Surface, object_in, surface_of, text_of, tools_of
from codexmcp.rehearsal.responses import CustomToolCall, FunctionCall, JSONObject

# Source: Codex accepts 250 to 30,000 ms, and answers as soon as the command ends.
_YIELD_MS = 30_000

# Source: Codex's header before a command's output.
_HEAD = re.compile(
    r"\A(?:(?!Output:)[^\n]*\n)*?"
    r"Process (?:exited with code (?P<exit>-?\d+)|running with session ID (?P<session>\d+))\n"
    r"(?:(?!Output:)[^\n]*\n)*?Output:\n?",
)
_CELL = re.compile(r"\AScript running with cell ID (?P<cell>\S+)")
_SCRIPT_HEAD = re.compile(r"\AScript [^\n]*\n(?:(?!Output:)[^\n]*\n)*?Output:\s*")

# In code mode the script itself polls and then writes the same header as the plain tool. The exit
# code comes first, because Codex cuts long output in its middle.
_SCRIPT = """\
let r = await tools.exec_command({cmd: %s, ...%s});
let output = r.output;
while (r.exit_code === undefined && r.session_id !== undefined) {
  r = await tools.write_stdin({session_id: r.session_id, chars: "", yield_time_ms: %d});
  output += r.output;
}
text(`Process exited with code ${r.exit_code}\\nOutput:\\n${output}`);
"""
_SCRIPT_COMMAND = re.compile(r"exec_command\(\{cmd: (\"(?:[^\"\\]|\\.)*\")")


@dataclass(frozen=True, slots=True)
class ShellRun:
    """The known state of a command.

    Args:
        command: The command as passed to Codex.
        output: The output so far.
        exit_code: The exit code; None while running, or when Codex refused to run it.
        session_id: Codex's handle of a running command with plain tools.
        cell_id: Codex's handle of a running command in code mode.
    """

    command: str
    output: str = ""
    exit_code: int | None = None
    session_id: int | None = None
    cell_id: str | None = None

    @property
    def running(self) -> bool:
        """True if the command requires polling."""
        return self.session_id is not None or self.cell_id is not None


def can_run(body: JSONObject) -> bool:
    """Return True if the request offers a tool for commands."""
    return bool({"exec", "exec_command"} & {tool.get("name") for tool in tools_of(body)})


def start_call(
    body: JSONObject, command: str, options: JSONObject | None = None
) -> FunctionCall | CustomToolCall:
    """Return the call that runs a command with the request's tools.

    Args:
        body: The request.
        command: The shell command.
        options: Further arguments of Codex's `exec_command`; None means no further arguments.
    """
    arguments = {"yield_time_ms": _YIELD_MS, **(options or {})}
    if surface_of(body) is Surface.CODE_MODE:
        shown = (json.dumps(command), json.dumps(arguments), _YIELD_MS)
        return CustomToolCall("exec", _SCRIPT % shown)
    return FunctionCall("exec_command", {"cmd": command, **arguments})


def poll_call(run: ShellRun) -> FunctionCall:
    """Return the call that waits for a running command."""
    if run.cell_id is not None:
        return FunctionCall("wait", {"cell_id": run.cell_id, "yield_time_ms": _YIELD_MS})
    arguments = {"session_id": run.session_id, "chars": "", "yield_time_ms": _YIELD_MS}
    return FunctionCall("write_stdin", arguments)


def runs_of(steps: Sequence[JSONObject]) -> tuple[ShellRun, ...]:
    """Return the commands run in a turn, from its tool calls and their outputs.

    Args:
        steps: Raw input items in order; calls of other tools are skipped.
    """
    runs: dict[str, ShellRun] = {}
    owners: dict[str, str] = {}
    for step in steps:
        call_id = str(step.get("call_id"))
        if "output" in step:
            if owner := owners.get(call_id):
                runs[owner] = _after(runs[owner], text_of(step["output"]))
        elif (command := _command(step)) is not None:
            runs[call_id], owners[call_id] = ShellRun(command), call_id
        elif step.get("name") in {"write_stdin", "wait"} and runs:
            owners[call_id] = next(reversed(runs))
    return tuple(runs.values())


def _command(call: JSONObject) -> str | None:
    if call.get("name") == "exec_command":
        return str(object_in(call.get("arguments")).get("cmd", ""))
    if call.get("name") == "exec":
        match = _SCRIPT_COMMAND.search(str(call.get("input")))
        return str(json.loads(match[1])) if match else None
    return None


def _after(run: ShellRun, output: str) -> ShellRun:
    if cell := _CELL.match(output):
        # Intermediate output of a script is dropped: its final output is complete.

        return replace(run, cell_id=cell["cell"])
    idle = replace(run, session_id=None, cell_id=None)
    output = _SCRIPT_HEAD.sub("", output)
    head = _HEAD.match(output)
    if head is None:
        return replace(idle, output=run.output + output)
    text = run.output + output[head.end() :]
    if head["session"]:
        return replace(idle, output=text, session_id=int(head["session"]))
    return replace(idle, output=text, exit_code=int(head["exit"]))
