"""The public test kit: a scripted model for programs that call a Responses API.

Owns `ScriptedModel` and the convenience steps, and re-exports the server, the replies and the
faults of `codexmcp.rehearsal`. Promises: no key and no network needed.
"""

from __future__ import annotations

import inspect
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from codexmcp.data_classes import dataclass
from codexmcp.rehearsal.calls import (
    CALLS,
    Call,
    Calls,
    CreateGoal,
    MCPCall,
    Script,
    ShellCall,
    Spawn,
    WaitForAgents,
    item_of,
)
from codexmcp.rehearsal.conversation import Role, Surface
from codexmcp.rehearsal.outcome import (
    Cut,
    Delay,
    Failed,
    HTTPError,
    Nonsense,
    Outcome,
    Paced,
    Reset,
    Stall,
)
from codexmcp.rehearsal.request import Request, WrongSurfaceError
from codexmcp.rehearsal.responses import (
    CustomToolCall,
    FunctionCall,
    Message,
    Reply,
    Usage,
)
from codexmcp.rehearsal.rule import decide
from codexmcp.rehearsal.server import ModelServer

__all__ = [
    "Call",
    "Calls",
    "CreateGoal",
    "CustomToolCall",
    "Cut",
    "Delay",
    "Deltas",
    "Failed",
    "FunctionCall",
    "HTTPError",
    "MCPCall",
    "Message",
    "ModelServer",
    "Nonsense",
    "Outcome",
    "Paced",
    "Rehearse",
    "Reply",
    "Request",
    "Reset",
    "Role",
    "Script",
    "ScriptedModel",
    "ShellCall",
    "Spawn",
    "Stall",
    "Step",
    "Surface",
    "Text",
    "Usage",
    "WaitForAgents",
    "WrongSurfaceError",
    "outcome_of",
    "unreachable_base_url",
]


class Text(Reply):
    """Answer with one message, sent as a single delta.

    Args:
        text: The whole message.
        usage: The tokens reported with the answer. None: 0 tokens.
    """

    def __init__(self, text: str, usage: Usage | None = None) -> None:
        super().__init__((Message(text),), usage or Usage())


class Deltas(Reply):
    """Answer with one message, streamed as `count` deltas of `text`.

    Args:
        text: One delta; the whole message is `text * count`.
        count: The number of deltas, 1 or more; 20,000 are fine.
    """

    def __init__(self, text: str, count: int) -> None:
        super().__init__((Message(text * count, chunk_size=max(1, len(text))),))


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Answer this request by the rehearsal's rule."""


Plain: TypeAlias = Outcome | Call | Calls | Rehearse
Step: TypeAlias = Plain | Callable[[Request], Plain | Awaitable[Plain]]


class ScriptedModel(ModelServer):
    """A model server that answers from a script, one step per request.

    Each role has a script, so a single server can serve an agent and its Codex; each sub-agent of a
    thread can have a script, too. A step is a value (`Text`, `ShellCall`, `Reply`, a fault, ...),
    or a function of the request that returns a value, plain or awaitable. A test can delay an
    answer with a function.

    Start Codex with a model of its catalogue, or without a model name: only then does Codex offer
    today's tools, in code mode. With an unknown model name, Codex offers plain tools; set `surface`
    to `Surface.PLAIN` in this case.

    Args:
        codex: The steps for requests of Codex and of unknown origin. None: always follow the
            rehearsal's rule.
        agent: The steps for requests of an agent with Codex as a tool. None: as above.
        port: The TCP port on 127.0.0.1. 0: a free port.
        keep: Number of latest requests in `requests`.
        children: The steps for sub-agents by path, for example `/root/tests`. A sub-agent without a
            script uses the steps of `codex`.
        surface: The tools required of Codex, so a test does not pass with unused tools. A request
            with other tools is refused, and leaving the block raises `WrongSurfaceError`. None:
            accept every request.

    Attributes:
        unexpected: Requests after the end of their script; each got an HTTP 500.
    """

    def __init__(
        self,
        codex: Iterable[Step] | None = (),
        agent: Iterable[Step] | None = None,
        *,
        port: int = 0,
        keep: int = 256,
        children: Mapping[str, Iterable[Step]] | None = None,
        surface: Surface | None = Surface.CODE_MODE,
    ) -> None:
        super().__init__(self._next, port=port, keep=keep, surface=surface)
        self.unexpected: list[Request] = []
        given = {Role.CODEX: codex, Role.AGENT: agent, **(children or {})}
        self._scripts = {owner: deque(steps) for owner, steps in given.items() if steps is not None}

    def add(self, *steps: Step, role: Role | str = Role.CODEX) -> None:
        """Append steps to the script of a role, or of a sub-agent by path."""
        self._scripts.setdefault(role, deque()).extend(steps)

    def remaining(self, role: Role | str = Role.CODEX) -> int:
        """Return the number of remaining steps of a role or a sub-agent."""
        return len(self._scripts.get(role, ()))

    async def _next(self, request: Request) -> Outcome:
        owner = request.agent if request.agent in self._scripts else request.role
        script = self._scripts.get(owner)
        if script is None:
            return decide(request.body)
        if not script:
            self.unexpected.append(request)
            message = f"The script for {owner} is used up; this request is one too many."
            return HTTPError(500, message, type="server_error", code="script_exhausted")
        step = script.popleft()
        made = step(request) if callable(step) else step
        return outcome_of(await made if inspect.isawaitable(made) else made, request)


def unreachable_base_url() -> str:
    """Return a base URL on loopback without a listener; connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def outcome_of(step: Plain, request: Request) -> Outcome:
    """Return the outcome of a step, in the form for the tools of a request.

    For servers of your own: a `ModelServer` accepts only outcomes.

    Raises:
        ValueError: The step is a script, and the request is not in code mode.
    """
    if isinstance(step, CALLS):
        return Reply((item_of(step, request.body),))
    match step:
        case Calls(calls=calls, usage=usage):
            return Reply(tuple(item_of(call, request.body) for call in calls), usage)
        case Rehearse():
            return decide(request.body)
        case _:
            return step
