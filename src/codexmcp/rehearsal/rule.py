"""The rule of a rehearsal, in place of a model.

Owns `decide`. Every word of a report comes from the request: as the agent, Codex's answer; as
Codex, the output of the command of a skill or of the prompt. Requests that need a model are
refused. Pure: imports only its neighbours in this package.
"""

from __future__ import annotations

from codexmcp.jsonvalues import dig
from codexmcp.rehearsal.agent import delegate, report
from codexmcp.rehearsal.command import commands_of
from codexmcp.rehearsal.conversation import Role, Turn, latest_turn, object_in, role_of
from codexmcp.rehearsal.outcome import HTTPError
from codexmcp.rehearsal.refusal import refusal
from codexmcp.rehearsal.responses import Item, JSONObject, Message, Reply
from codexmcp.rehearsal.shell import ShellRun, can_run, poll_call, runs_of, start_call


def decide(body: JSONObject) -> Reply | HTTPError:
    """Return the rehearsal's answer to a Responses API request.

    As the agent it hands the prompt to Codex and then reports Codex's answer. As Codex it runs the
    commands of the turn one after the other, stops at the first that fails, and reports each with
    its exit code and output; where the answer has to fit a JSON Schema, it is the JSON object that
    the last one printed. A prompt with the words "outside of the sandbox" has its commands ask for
    that. A turn that names no command is refused with HTTP 400.

    Args:
        body: The request's JSON object; only its latest user turn counts.
    """
    turn = latest_turn(body)
    if role_of(body) is Role.AGENT:
        return Reply((report(turn) or delegate(body, turn.prompt),))
    step = _next_step(body, turn)
    return step if isinstance(step, HTTPError) else Reply((step,))


def _next_step(body: JSONObject, turn: Turn) -> Item | HTTPError:
    runs, commands = runs_of(turn.steps), commands_of(turn)
    if runs and runs[-1].running:
        return poll_call(runs[-1])
    # Later commands usually build on earlier ones, so the first failure ends the turn.
    done = bool(runs) and (runs[-1].exit_code != 0 or len(runs) >= len(commands))
    if done:
        return Message(_printed_object(body, runs[-1]) or "\n\n".join(map(_told, runs)))
    if not commands:
        return refusal()
    if not can_run(body):
        return refusal("This request offers no tool to run a command with.")
    return start_call(body, commands[len(runs)], _permissions(turn.prompt))


def _permissions(prompt: str) -> JSONObject | None:
    if _OUTSIDE not in prompt.lower():
        return None
    justification = "The prompt asks for it."
    return {"sandbox_permissions": "require_escalated", "justification": justification}


def _printed_object(body: JSONObject, run: ShellRun) -> str | None:
    """Return the JSON object at the end of a command's output, where the answer has to be one."""
    if dig(body, "text", "format", "type") != "json_schema":
        return None
    _, brace, rest = run.output.partition("{")
    text = (brace + rest).strip()
    return text if object_in(text) else None


_OUTSIDE = "outside of the sandbox"


def _told(run: ShellRun) -> str:
    lines = [f"Command: {run.command}"]
    if run.exit_code is None:
        lines.append("The command could not be run. Codex said:")
    elif run.exit_code:
        lines.append(f"The command failed with exit code {run.exit_code}. Output:")
    else:
        lines.append("Exit code: 0. Output:")
    return "\n".join([*lines, run.output])
