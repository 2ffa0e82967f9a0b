"""The public test kit: a scripted model for programs that call a Responses API.

Owns `ScriptedModel` and the convenience steps, and re-exports the server, the replies and the
faults of `codexmcp.rehearsal`. Promises that nothing here needs a key or a network.
"""

from __future__ import annotations

import inspect
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from codexmcp.rehearsal.conversation import Role
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
from codexmcp.rehearsal.request import Request
from codexmcp.rehearsal.responses import (
    CustomToolCall,
    FunctionCall,
    Message,
    Reply,
    Usage,
)
from codexmcp.rehearsal.rule import decide
from codexmcp.rehearsal.server import ModelServer
from codexmcp.rehearsal.shell import start_call

__all__ = [
    "CustomToolCall",
    "Cut",
    "Delay",
    "Deltas",
    "Failed",
    "FunctionCall",
    "HTTPError",
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
    "ScriptedModel",
    "ShellCall",
    "Stall",
    "Step",
    "Text",
    "Usage",
    "unreachable_base_url",
]


class Text(Reply):
    """Answer with one message, sent as one delta.

    Args:
        text: The whole message.
        usage: The tokens that the answer reports; None reports 0.
    """

    def __init__(self, text: str, usage: Usage | None = None) -> None:
        super().__init__((Message(text),), usage or Usage())


class Deltas(Reply):
    """Answer with one message that is streamed as `count` deltas, each of them `text`.

    Args:
        text: One delta; the whole message is `text * count`.
        count: The number of deltas, 1 or more; 20,000 are fine.
    """

    def __init__(self, text: str, count: int) -> None:
        super().__init__((Message(text * count, chunk_size=max(1, len(text))),))


@dataclass(frozen=True, slots=True)
class ShellCall:
    """Ask Codex to run a command, in the way that the request's tools call for.

    Args:
        command: The shell command.
    """

    command: str


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Answer this request by the rehearsal's rule."""


Plain: TypeAlias = Outcome | ShellCall | Rehearse
Step: TypeAlias = Plain | Callable[[Request], Plain | Awaitable[Plain]]


class ScriptedModel(ModelServer):
    """A model server that answers by a script, one step per request.

    Each role has a script of its own, so one server serves an agent and its Codex. A step is a
    value (`Text`, `ShellCall`, `Reply`, a fault, ...) or a function of the request that returns
    one, plain or awaitable; a function is how a test holds an answer back until it is ready.

    Args:
        codex: The steps for requests of Codex; also for requests of unknown origin. None follows
            the rehearsal's rule without end.
        agent: The steps for requests of an agent that has Codex as a tool; None as above.
        port: The TCP port on 127.0.0.1; 0 takes a free one.
        keep: How many of the latest requests `requests` holds.

    Attributes:
        unexpected: The requests that came when their script was used up; each got an HTTP 500.
    """

    def __init__(
        self,
        codex: Iterable[Step] | None = (),
        agent: Iterable[Step] | None = None,
        *,
        port: int = 0,
        keep: int = 256,
    ) -> None:
        super().__init__(self._next, port=port, keep=keep)
        self.unexpected: list[Request] = []
        given = {Role.CODEX: codex, Role.AGENT: agent}
        self._scripts = {role: deque(steps) for role, steps in given.items() if steps is not None}

    def add(self, *steps: Step, role: Role = Role.CODEX) -> None:
        """Append steps to the script of a role."""
        self._scripts.setdefault(role, deque()).extend(steps)

    def remaining(self, role: Role = Role.CODEX) -> int:
        """Return how many steps of a role's script are left."""
        return len(self._scripts.get(role, ()))

    async def _next(self, request: Request) -> Outcome:
        script = self._scripts.get(request.role)
        if script is None:
            return decide(request.body)
        if not script:
            self.unexpected.append(request)
            message = f"The script for {request.role} is used up; this request is one too many."
            return HTTPError(500, message, type="server_error", code="script_exhausted")
        step = script.popleft()
        if not callable(step):
            return _outcome(step, request)
        made = step(request)
        return _outcome(await made if inspect.isawaitable(made) else made, request)


def unreachable_base_url() -> str:
    """Return a base URL on loopback where nothing listens, so that connecting is refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def _outcome(step: Plain, request: Request) -> Outcome:
    match step:
        case ShellCall(command=command):
            return Reply((start_call(request.body, command),))
        case Rehearse():
            return decide(request.body)
        case _:
            return step
