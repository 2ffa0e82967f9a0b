"""Calls of Codex's tools for scripts, independent of the offered tools.

Owns the calls for commands, JavaScript, sub-agents and goals, and their form in code mode and with
plain tools. Pure: imports only its neighbours in this package.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias, assert_never

from codexmcp.data_classes import dataclass, field
from codexmcp.rehearsal.conversation import Surface, latest_turn, object_in, surface_of, text_of
from codexmcp.rehearsal.responses import CustomToolCall, FunctionCall, JSONObject, Usage
from codexmcp.rehearsal.shell import start_call

# Source: the namespaces of the tools for sub-agents in Codex 0.153.4 to 0.171.0.
_AGENTS = {Surface.CODE_MODE: "collaboration", Surface.PLAIN: "multi_agent_v1"}


@dataclass(frozen=True, slots=True)
class ShellCall:
    """Ask Codex to run a command, in the form required by the request's tools.

    Args:
        command: The shell command.
        options: Further arguments of Codex's `exec_command`, such as `{"sandbox_permissions":
            "require_escalated", "justification": "May I?"}`.
    """

    command: str
    options: JSONObject = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class MCPCall:
    """Call a tool of an MCP server connected to Codex.

    Args:
        server: The server's name in Codex's configuration, of letters, digits and underscores.
        tool: The tool's name, with the same characters.
        arguments: The tool's arguments.
    """

    server: str
    tool: str
    arguments: JSONObject = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Script:
    """Run JavaScript in Codex's tool `exec`, offered in code mode only.

    Args:
        source: The JavaScript; tool calls are `await tools.NAME(...)`, output is `text(...)`.
    """

    source: str


@dataclass(frozen=True, slots=True)
class Spawn:
    """Spawn a sub-agent.

    Args:
        name: The name, of lowercase letters, digits and underscores: a child of `/root` gets the
            path `/root/NAME`. Plain tools take no name.
        task: The prompt.
        fork: The sub-agent inherits its parent's history.
    """

    name: str
    task: str
    fork: bool = False


@dataclass(frozen=True, slots=True)
class WaitForAgents:
    """Wait until a sub-agent sends a message or ends.

    With plain tools the call names the sub-agents spawned in the same turn.

    Args:
        timeout_ms: The bound on the wait in milliseconds, 10,000 to 3,600,000.
    """

    timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class CreateGoal:
    """Create a goal, which makes Codex start turn after turn on its own.

    Args:
        objective: The goal.
        token_budget: Bound on its tokens, at least 1; None sets no budget.
    """

    objective: str
    token_budget: int | None = None


Call: TypeAlias = ShellCall | MCPCall | Script | Spawn | WaitForAgents | CreateGoal
CALLS = (ShellCall, MCPCall, Script, Spawn, WaitForAgents, CreateGoal)


@dataclass(frozen=True, slots=True)
class Calls:
    """Answer with several calls at once, or with a call and a token count.

    Args:
        calls: The calls in order.
        usage: The reported tokens.
    """

    calls: tuple[Call, ...]
    usage: Usage = field(default_factory=Usage)


def item_of(call: Call, body: JSONObject) -> FunctionCall | CustomToolCall:
    """Return a call in the form of a request's tools.

    Args:
        call: The call.
        body: The request.

    Raises:
        ValueError: The call is a script, and the request is not in code mode.
    """
    surface = surface_of(body) or Surface.PLAIN
    match call:
        case ShellCall(command=command, options=options):
            return start_call(body, command, options)
        case MCPCall():
            return _mcp_call(call, surface)
        case Script(source=source):
            if surface is not Surface.CODE_MODE:
                raise ValueError("a script needs the tool `exec`, and this request has plain tools")
            return CustomToolCall("exec", source)
        case Spawn():
            return FunctionCall("spawn_agent", _spawned(call, surface), namespace=_AGENTS[surface])
        case WaitForAgents(timeout_ms=timeout_ms):
            targets = {} if surface is Surface.CODE_MODE else {"targets": _spawned_ids(body)}
            arguments = {"timeout_ms": timeout_ms, **targets}
            return FunctionCall("wait_agent", arguments, namespace=_AGENTS[surface])
        case CreateGoal():
            return _goal_call(call, surface)
        case _:
            assert_never(call)


def _mcp_call(call: MCPCall, surface: Surface) -> FunctionCall | CustomToolCall:
    # Source: the names of MCP tools in Codex 0.153.4 to 0.171.0.
    namespace = f"mcp__{call.server}"
    if surface is Surface.PLAIN:
        return FunctionCall(call.tool, call.arguments, namespace=namespace)
    return _reported(f"{namespace}__{call.tool}", call.arguments)


def _reported(tool: str, arguments: JSONObject) -> CustomToolCall:
    """Return a script with a tool call and the output of its result."""
    given = json.dumps(dict(arguments))
    return CustomToolCall("exec", f"text(JSON.stringify(await tools.{tool}({given})));")


def _spawned(call: Spawn, surface: Surface) -> dict[str, Any]:
    if surface is Surface.PLAIN:
        return {"message": call.task, "fork_context": call.fork}
    fork = "all" if call.fork else "none"
    return {"task_name": call.name, "message": call.task, "fork_turns": fork}


def _spawned_ids(body: JSONObject) -> list[str]:
    outputs = [text_of(step.get("output")) for step in latest_turn(body).steps]
    return [str(found) for text in outputs if (found := object_in(text).get("agent_id"))]


def _goal_call(call: CreateGoal, surface: Surface) -> FunctionCall | CustomToolCall:
    goal: dict[str, Any] = {"objective": call.objective}
    if call.token_budget is not None:
        goal["token_budget"] = call.token_budget
    if surface is Surface.PLAIN:
        return FunctionCall("create_goal", goal)
    return _reported("create_goal", goal)
